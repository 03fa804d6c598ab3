//! The one line that a guest prints about what it did.

/// Does `action` and prints its result, or the name of its error.
pub(crate) fn call(name: &str, action: impl FnOnce() -> libc::c_long) {
    match action() {
        -1 => println!("{name} {}", errno_name(std::io::Error::last_os_error())),
        value => println!("{name} ok {value}"),
    }
}

fn errno_name(error: std::io::Error) -> String {
    match error.raw_os_error().unwrap_or(0) {
        libc::EPERM => "EPERM".to_owned(),
        libc::EACCES => "EACCES".to_owned(),
        libc::ENOSYS => "ENOSYS".to_owned(),
        libc::EFAULT => "EFAULT".to_owned(),
        libc::EINVAL => "EINVAL".to_owned(),
        libc::ENOENT => "ENOENT".to_owned(),
        libc::EXDEV => "EXDEV".to_owned(),
        other => format!("errno {other}"),
    }
}
