//! The one line that a guest prints about what it did.

/// Does `action` and prints its result, or the name of its error.
pub(crate) fn call(name: &str, action: impl FnOnce() -> libc::c_long) -> libc::c_long {
    let answer = action();
    match answer {
        -1 => println!("{name} {}", errno_name(std::io::Error::last_os_error())),
        value => println!("{name} ok {value}"),
    }
    answer
}

/// Prints the value of `result`, or the name of its error.
pub(crate) fn result<T: std::fmt::Display>(name: &str, result: std::io::Result<T>) {
    match result {
        Ok(value) => println!("{name} ok {value}"),
        Err(error) => println!("{name} {}", errno_name(error)),
    }
}

macro_rules! names {
    ($($name:ident)*) => {
        const NAMES: &[(i32, &str)] = &[$((libc::$name, stringify!($name))),*];
    };
}

names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK
    EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC EROFS
    EMLINK EPIPE ENOSYS ENOTEMPTY ELOOP ENODATA ENOTSOCK EDESTADDRREQ EPROTONOSUPPORT EPROTOTYPE
    ESOCKTNOSUPPORT EOPNOTSUPP EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL EISCONN ENOTCONN ETIMEDOUT
    ECONNREFUSED EINPROGRESS
}

fn errno_name(error: std::io::Error) -> String {
    let errno = error.raw_os_error().unwrap_or(0);
    let name = NAMES.iter().find(|(number, _)| *number == errno);
    name.map_or_else(|| format!("errno {errno}"), |(_, name)| (*name).to_owned())
}
