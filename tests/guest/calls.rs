//! Calls given by number and arguments, so that an attack stands where it is judged: in its test.
//!
//! `calls NAME NUMBER ARG… ; NAME NUMBER ARG…` makes them in order. An argument is a number, `@text`
//! (the address of a text), `#hex` (the address of these bytes), `$N` (the answer of the call N),
//! or `%text`, a text in which `{N}` stands for that answer.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::{guard, report};

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    if !matches!(name, "calls" | "guarded") {
        return false;
    }
    let calls: Vec<Call<'_>> = arguments.split(|word| *word == ";").map(Call::read).collect();
    // Outside a sandbox there may be more than three; the numbers of new ones are part of a script.
    // SAFETY: this program has opened nothing that it still uses.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
    if name == "guarded" {
        guard::install(calls.iter().map(|call| call.number as u32));
    }
    let mut answers = Vec::new();
    for call in &calls {
        answers.push(call.make(&answers));
    }
    true
}

struct Call<'a> {
    name: &'a str,
    number: i64,
    arguments: &'a [&'a OsStr],
}

impl<'a> Call<'a> {
    fn read(words: &'a [&'a OsStr]) -> Self {
        let [name, number, arguments @ ..] = words else { panic!("a call has name and number") };
        Call { name: name.to_str().unwrap(), number: read_number(number.as_bytes()), arguments }
    }

    fn make(&self, answers: &[i64]) -> i64 {
        let mut texts: Vec<Vec<u8>> =
            self.arguments.iter().map(|word| bytes(word, answers)).collect();
        let mut registers = [0i64; 6];
        for ((register, word), text) in registers.iter_mut().zip(self.arguments).zip(&mut texts) {
            *register = match word.as_bytes() {
                [b'@' | b'%' | b'#', ..] => text.as_mut_ptr() as i64,
                [b'$', index @ ..] => answers[read_number(index) as usize],
                number => read_number(number),
            };
        }
        let [a, b, c, d, e, f] = registers;
        let before = std::process::id();
        // SAFETY: pointers lead to bytes that live beyond the call, long enough for every use that
        // a test makes of them; a call that makes a process leaves through the exit below.
        let answer = report::call(self.name, || unsafe {
            let answer = libc::syscall(self.number, a, b, c, d, e, f);
            if std::process::id() != before {
                libc::_exit(0);
            }
            answer
        });
        // The kernel may keep an address beyond the call.
        texts.leak();
        answer
    }
}

fn bytes(word: &OsStr, answers: &[i64]) -> Vec<u8> {
    match word.as_bytes() {
        [b'@', text @ ..] => [text, b"\0"].concat(),
        [b'%', text @ ..] => {
            let mut text = String::from_utf8(text.to_vec()).unwrap();
            for (index, answer) in answers.iter().enumerate() {
                text = text.replace(&format!("{{{index}}}"), &answer.to_string());
            }
            format!("{text}\0").into_bytes()
        }
        [b'#', hex @ ..] => read_hex(OsStr::from_bytes(hex)),
        _ => Vec::new(),
    }
}

pub(crate) fn read_hex(text: &OsStr) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| hex_digit(pair[0]) << 4 | hex_digit(pair[1])).collect()
}

fn hex_digit(digit: u8) -> u8 {
    (digit as char).to_digit(16).unwrap() as u8
}

fn read_number(text: &[u8]) -> i64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap()
}
