//! `docs/syscalls.md`: what becomes of every system call, and why.

use sandlock::syscall::{Class, GROUPS, Group};

const INTRODUCTION: &str = "\
<!-- Made from the table of system calls by `make generate`. -->

# System calls

Every system call of x86_64 and aarch64 is in one of these groups. A setting can name a call by its name or a whole group
as `@name`: `syscalls.deny` refuses more, `syscalls.allow` lifts from the base deny list, `syscalls.only` answers ENOSYS to
everything else. `sandlock explain` prints what becomes of the calls under a policy.

A number that no group has, because the kernel is newer, is answered ENOSYS. Calls of a foreign architecture, and the x32
numbers of x86_64, kill the program.
";

pub(crate) fn page() -> String {
    let refused = |errno| move |class: Class| class == Class::Refused(errno);
    let mut page = INTRODUCTION.to_owned();
    page.push_str(&chapter(
        "Refused with EPERM",
        "The base deny list: refused whatever the arguments are.",
        refused(EPERM),
    ));
    page.push_str(&chapter(
        "Refused with ENOSYS",
        "The rest of the base deny list: programs take the kernel for one that lacks the call, and do without.",
        refused(ENOSYS),
    ));
    page.push_str(&chapter(
        "Judged by their arguments",
        "Refused with EPERM for some arguments, or for all where `net` grants no sockets; `sandlock explain` lists which.",
        |class| class == Class::Judged,
    ));
    page.push_str(&chapter(
        "Left to the kernel",
        "Allowed by the filter; the kernel's own checks and Landlock still hold.",
        |class| class == Class::Harmless,
    ));
    page
}

const EPERM: i32 = nix::errno::Errno::EPERM as i32;
const ENOSYS: i32 = nix::errno::Errno::ENOSYS as i32;

fn chapter(title: &str, text: &str, belongs: impl Fn(Class) -> bool) -> String {
    let mut chapter = format!("\n## {title}\n\n{text}\n\n| group | why | calls |\n|---|---|---|\n");
    for group in GROUPS.iter().filter(|group| belongs(group.class)) {
        chapter.push_str(&row(group));
    }
    chapter
}

fn row(group: &Group) -> String {
    format!("| `@{}` | {} | {} |\n", group.name, group.reason, group.calls.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_and_call_is_on_the_page() {
        let page = page();
        for group in GROUPS {
            assert_eq!(page.matches(&row(group)).count(), 1, "@{}", group.name);
        }
    }
}
