//! What a process can say about itself.

use std::ffi::OsStr;

use crate::files::escaped;

/// Does the action `name`, if it is one of this file.
pub(crate) fn run(name: &str, arguments: &[&OsStr]) -> bool {
    match (name, arguments) {
        ("arguments", words) => {
            let words: Vec<String> =
                words.iter().map(|word| format!("<{}>", escaped(word))).collect();
            println!("arguments ok {}", words.join(""));
        }
        ("environment", []) => {
            for (name, value) in std::env::vars_os() {
                println!("{}={}", escaped(&name), escaped(&value));
            }
        }
        ("directory", []) => crate::report::result(
            "directory",
            std::env::current_dir().map(|directory| escaped(directory.as_os_str())),
        ),
        ("limit", [resource]) => {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: the kernel writes one structure.
            unsafe { libc::getrlimit(resource.to_str().unwrap().parse().unwrap(), &raw mut limit) };
            println!("limit ok {} {}", limit.rlim_cur, limit.rlim_max);
        }
        ("open-many", [most]) => {
            let most = most.to_str().unwrap().parse().unwrap();
            let opened = (0..most).map(|_| std::fs::File::open("/usr")).take_while(Result::is_ok);
            let files: Vec<_> = opened.flatten().collect();
            println!("open-many ok {}", files.len());
            crate::report::result("open", std::fs::File::open("/usr").map(|_| 0));
        }
        ("memory", [mib]) => {
            let length = mib.to_str().unwrap().parse::<usize>().unwrap() << 20;
            let memory = std::hint::black_box(vec![1u8; length]);
            println!("memory ok {}", memory.len());
        }
        // SAFETY: these calls take nothing.
        ("user", []) => unsafe {
            println!("user ok {} {} {}", libc::getuid(), libc::geteuid(), libc::getegid());
        },
        _ => return false,
    }
    true
}
