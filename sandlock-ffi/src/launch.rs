//! What to start, and how.

use std::ffi::{OsStr, c_char, c_void};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use sandlock::{Launch, Result, Stdio};

use crate::extensible::{self, Extensible};
use crate::pointer::{bytes, needed, os_or_none, texts, wrong};

/// What is usual: SANDLOCK_STDIO_NULL for descriptor 0, SANDLOCK_STDIO_CAPTURED for 1 and 2; with
/// SANDLOCK_LAUNCH_INTERACTIVE, SANDLOCK_STDIO_INHERIT for all.
pub const SANDLOCK_STDIO_DEFAULT: u32 = 0;
/// The caller's own descriptor of the same number.
pub const SANDLOCK_STDIO_INHERIT: u32 = 1;
/// /dev/null.
pub const SANDLOCK_STDIO_NULL: u32 = 2;
/// A pipe whose other end sandlock_child_stdin() and its like give out.
pub const SANDLOCK_STDIO_PIPED: u32 = 3;
/// Collected for the output, up to `capture_limit`. Not for descriptor 0.
pub const SANDLOCK_STDIO_CAPTURED: u32 = 4;
/// A copy of the caller's descriptor `fd`.
pub const SANDLOCK_STDIO_FD: u32 = 5;
/// A pipe with the `length` bytes at `data` and then its end. For descriptor 0 alone; the bytes are
/// copied.
pub const SANDLOCK_STDIO_BYTES: u32 = 6;
/// Whatever descriptor 1 is, so that both outputs keep their order. For descriptor 2 alone.
pub const SANDLOCK_STDIO_STDOUT: u32 = 7;

/// The caller's own descriptors, session and terminal: where 0, 1 and 2 are the terminal, Ctrl-C and
/// its like reach the program, as in a shell.
pub const SANDLOCK_LAUNCH_INTERACTIVE: u64 = 1;
/// None of the caller's variables: what the policy's process.env and `env` set is all there is.
pub const SANDLOCK_LAUNCH_CLEAR_ENV: u64 = 2;

/// Where one of the program's descriptors 0, 1 and 2 comes from or leads to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_stdio {
    /// One of SANDLOCK_STDIO_.
    pub kind: u32,
    /// For SANDLOCK_STDIO_FD, which copies it; 0 or -1 otherwise.
    pub fd: i32,
    /// For SANDLOCK_STDIO_BYTES.
    pub data: *const c_void,
    /// For SANDLOCK_STDIO_BYTES; 0 otherwise.
    pub length: usize,
}

/// A command, its descriptors and its surroundings. Set `size` and `argv`, and what you want of the
/// rest; zero selects the default.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct sandlock_launch {
    /// sizeof(sandlock_launch).
    pub size: usize,
    /// The program, looked for in its PATH, and its arguments: any bytes. NULL ends the array.
    pub argv: *const *const c_char,
    /// Variables, each "NAME=VALUE", that are added or replaced over what the policy says. NULL ends
    /// the array, and may stand for it.
    pub env: *const *const c_char,
    /// The directory to start in, instead of the policy's; it grants nothing. NULL: the policy's.
    pub cwd: *const c_char,
    /// Descriptor 0.
    pub r#in: sandlock_stdio,
    /// Descriptor 1.
    pub out: sandlock_stdio,
    /// Descriptor 2.
    pub err: sandlock_stdio,
    /// How many bytes of each captured output are kept; the rest is read and counted. 0: 64 MiB.
    pub capture_limit: u64,
    /// The tree ends after as many milliseconds, instead of the policy's limits.timeout. 0: the
    /// policy's; UINT64_MAX: never.
    pub timeout_ms: u64,
    /// SANDLOCK_LAUNCH_INTERACTIVE and SANDLOCK_LAUNCH_CLEAR_ENV, or 0.
    pub flags: u64,
}

// SAFETY: pointers and numbers, aligned without padding; pointers are only followed as the header
// asks.
unsafe impl Extensible for sandlock_launch {
    const FIRST: usize = 128;
}

/// What a caller asks to start.
///
/// # Safety
///
/// NULL, or as the header asks.
pub(crate) unsafe fn launch(pointer: *const sandlock_launch, name: &str) -> Result<Launch> {
    // SAFETY: as the caller promises.
    unsafe { needed(extensible::read(pointer, name)?, name)?.launch() }
}

impl sandlock_launch {
    /// # Safety
    ///
    /// The pointers are as the header asks.
    unsafe fn launch(&self) -> Result<Launch> {
        // SAFETY: as the caller promises.
        let mut launch = Launch::new(unsafe { texts(self.argv, "argv") }?);
        let unknown = self.flags & !(SANDLOCK_LAUNCH_INTERACTIVE | SANDLOCK_LAUNCH_CLEAR_ENV);
        if unknown != 0 {
            return Err(wrong(format!("there are no flags {unknown:#x} of a launch")));
        }
        if self.flags & SANDLOCK_LAUNCH_INTERACTIVE != 0 {
            launch = launch.interactive();
        }
        if self.flags & SANDLOCK_LAUNCH_CLEAR_ENV != 0 {
            launch = launch.env_clear();
        }
        // SAFETY: as above.
        launch = unsafe { self.with_streams(launch) }?;
        if !self.env.is_null() {
            // SAFETY: as above.
            for variable in unsafe { texts(self.env, "env") }? {
                let (name, value) = name_and_value(variable)?;
                launch = launch.env(name, value);
            }
        }
        // SAFETY: as above.
        if let Some(directory) = unsafe { os_or_none(self.cwd) } {
            launch = launch.cwd(directory);
        }
        launch = match self.capture_limit {
            0 => launch,
            limit => launch.capture_limit(limit),
        };
        Ok(match self.timeout_ms {
            0 => launch,
            u64::MAX => launch.timeout(Duration::MAX),
            limit => launch.timeout(Duration::from_millis(limit)),
        })
    }

    /// # Safety
    ///
    /// As [`launch`](sandlock_launch::launch).
    unsafe fn with_streams(&self, mut launch: Launch) -> Result<Launch> {
        let sandlock_stdio { kind, data, length, .. } = self.r#in;
        if kind == SANDLOCK_STDIO_BYTES {
            self.r#in.check_unused("in")?;
            // SAFETY: as the caller promises.
            launch = launch.input(unsafe { bytes(data, length, "in.data") }?);
        } else if let Some(stdin) = self.r#in.stdio("in")? {
            launch = launch.stdin(stdin);
        }
        if let Some(stdout) = self.out.stdio("out")? {
            launch = launch.stdout(stdout);
        }
        if let Some(stderr) = self.err.stdio("err")? {
            launch = launch.stderr(stderr);
        }
        Ok(launch)
    }
}

impl sandlock_stdio {
    /// `None` for what is usual.
    fn stdio(&self, name: &str) -> Result<Option<Stdio>> {
        self.check_unused(name)?;
        Ok(Some(match self.kind {
            SANDLOCK_STDIO_DEFAULT => return Ok(None),
            SANDLOCK_STDIO_INHERIT => Stdio::inherit(),
            SANDLOCK_STDIO_NULL => Stdio::null(),
            SANDLOCK_STDIO_PIPED => Stdio::piped(),
            SANDLOCK_STDIO_CAPTURED => Stdio::captured(),
            SANDLOCK_STDIO_FD => self.descriptor(name)?,
            SANDLOCK_STDIO_STDOUT => Stdio::stdout(),
            SANDLOCK_STDIO_BYTES => return Err(wrong(format!("{name} takes no bytes"))),
            kind => return Err(wrong(format!("{name}: there is no kind {kind} of stream"))),
        }))
    }

    /// A field that the kind does not use was meant for another kind.
    fn check_unused(&self, name: &str) -> Result<()> {
        let has_fd = self.fd > 0 && self.kind != SANDLOCK_STDIO_FD;
        let has_data = self.length != 0;
        match self.kind {
            SANDLOCK_STDIO_BYTES if has_fd => Err(wrong(format!("{name}.fd means nothing here"))),
            SANDLOCK_STDIO_BYTES => Ok(()),
            _ if has_fd => {
                Err(wrong(format!("{name}.fd is set, but kind is not SANDLOCK_STDIO_FD")))
            }
            _ if has_data => {
                Err(wrong(format!("{name}.length is set, but kind is not SANDLOCK_STDIO_BYTES")))
            }
            _ => Ok(()),
        }
    }

    fn descriptor(&self, name: &str) -> Result<Stdio> {
        let fd = self.fd;
        let not_open = |_| wrong(format!("{name}.fd is {fd}, which is not open"));
        if fd < 0 {
            return Err(not_open(()));
        }
        // SAFETY: it is not -1, and the caller lets it be until this returns; copying one that is not
        // open is an error.
        let copy = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned();
        copy.map(Stdio::from).map_err(|_| not_open(()))
    }
}

fn name_and_value(variable: &OsStr) -> Result<(&OsStr, &OsStr)> {
    let bytes = variable.as_bytes();
    let Some(equals) = bytes.iter().position(|byte| *byte == b'=') else {
        return Err(wrong(format!("env: {variable:?} is not NAME=VALUE")));
    };
    Ok((OsStr::from_bytes(&bytes[..equals]), OsStr::from_bytes(&bytes[equals + 1..])))
}
