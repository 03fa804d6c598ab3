//! A policy made ready to run programs under it.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::sync::Arc;

use arc_swap::ArcSwap;
use sandlock::{Launch, Result, Sandbox};

use crate::child::sandlock_child;
use crate::error::{sandlock_error, sandlock_status};
use crate::guard::{attempt, free, look};
use crate::launch::{launch, sandlock_launch};
use crate::output::{give_output, sandlock_output};
use crate::pointer::{give, needed, room, slice, texts};
use crate::policy::sandlock_policy;

/// A policy, checked against this kernel and made ready: it runs any number of programs, also at the
/// same time from several threads.
///
/// Every function may be called from any thread at any time; only sandlock_sandbox_free() ends that.
/// Runs and children that are under way need the sandbox no more.
pub struct sandlock_sandbox(ArcSwap<Sandbox>);

impl sandlock_sandbox {
    /// Without a lock, for which a process that is forked meanwhile would wait for ever.
    fn new(sandbox: Sandbox) -> sandlock_sandbox {
        sandlock_sandbox(ArcSwap::from_pointee(sandbox))
    }

    pub(crate) fn sandbox(&self) -> Sandbox {
        Sandbox::clone(&self.0.load())
    }

    /// Puts another sandbox in the place of this one, for runs that are still to come. Starts again
    /// where somebody else was faster.
    pub(crate) fn change(&self, change: impl Fn(Sandbox) -> Result<Sandbox>) -> Result<()> {
        loop {
            let old = self.0.load_full();
            let new = Arc::new(change(Sandbox::clone(&old))?);
            let found = self.0.compare_and_swap(&old, new);
            if Arc::ptr_eq(&found, &old) {
                return Ok(());
            }
        }
    }
}

/// Makes `policy` ready on this kernel; free `*sandbox` with sandlock_sandbox_free(). Nothing is started.
/// Granted paths are resolved here, not at each run.
///
/// SANDLOCK_ERROR_POLICY: settings contradict each other, or a granted path is missing.
/// SANDLOCK_ERROR_UNSUPPORTED: this kernel lacks a protection that the policy demands.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_sandbox_new(
    policy: Option<&sandlock_policy>,
    sandbox: Option<&mut MaybeUninit<*mut sandlock_sandbox>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let policy = needed(policy, "policy")?;
        let place = needed(sandbox, "sandbox")?;
        give(place, sandlock_sandbox::new(Sandbox::new(policy.0.clone())?));
        Ok(())
    })
}

/// A sandbox of its own with the same policy and the handlers that `sandbox` has now; each can be given
/// more. NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_sandbox_clone(
    sandbox: Option<&sandlock_sandbox>,
) -> Option<Box<sandlock_sandbox>> {
    look(sandbox, None, |sandbox| Some(Box::new(sandlock_sandbox::new(sandbox.sandbox()))))
}

/// Frees a sandbox, also while runs and children of it are under way. NULL is allowed.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_sandbox_free(sandbox: Option<Box<sandlock_sandbox>>) {
    free(sandbox);
}

/// Runs a command to its end, in the calling thread, and collects what it prints; free `*output` with
/// sandlock_output_free(). `argv` is the program, looked for in its PATH, and its arguments: any bytes;
/// NULL must end the array, or memory behind it is read. `output` may be NULL.
///
/// A program that ends badly is no error: the output says how it ended. When the program ends, whatever
/// it left running is killed.
///
/// What kept the program from running: SANDLOCK_ERROR_COMMAND, SANDLOCK_ERROR_NOT_FOUND,
/// SANDLOCK_ERROR_CANNOT_EXECUTE, SANDLOCK_ERROR_SPAWN, SANDLOCK_ERROR_POLICY for a process.cwd that is no
/// directory, SANDLOCK_ERROR_IO when this process has no descriptors left or somebody killed the
/// program's keeper. SANDLOCK_ERROR_HANDLER: a handler failed and ended the run; what the program left
/// is in sandlock_error_output().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_run(
    sandbox: Option<&sandlock_sandbox>,
    argv: *const *const c_char,
    output: Option<&mut MaybeUninit<*mut sandlock_output>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        // SAFETY: as the header asks of callers.
        let command = unsafe { texts(argv, "argv") };
        run(sandbox, command.map(Launch::new), output)
    })
}

/// As sandlock_sandbox_run(), with streams, variables, a directory or a time limit of its own. Nobody
/// serves a piped stream while the caller waits: SANDLOCK_ERROR_COMMAND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_run_launch(
    sandbox: Option<&sandlock_sandbox>,
    launch: *const sandlock_launch,
    output: Option<&mut MaybeUninit<*mut sandlock_output>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        // SAFETY: as the header asks of callers.
        run(sandbox, unsafe { self::launch(launch, "launch") }, output)
    })
}

/// As sandlock_sandbox_run(), with the caller's own descriptors 0, 1 and 2, session and terminal.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_run_interactive(
    sandbox: Option<&sandlock_sandbox>,
    argv: *const *const c_char,
    output: Option<&mut MaybeUninit<*mut sandlock_output>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        // SAFETY: as the header asks of callers.
        let command = unsafe { texts(argv, "argv") };
        run(sandbox, command.map(|command| Launch::new(command).interactive()), output)
    })
}

fn run(
    sandbox: Option<&sandlock_sandbox>,
    launch: Result<Launch>,
    output: Option<&mut MaybeUninit<*mut sandlock_output>>,
) -> Result<()> {
    let sandbox = needed(sandbox, "sandbox")?.sandbox();
    let ended = sandbox.run(launch?)?;
    give_output(output, ended);
    Ok(())
}

/// Runs `count` commands, at most `at_once` at the same time (0 counts as 1). `outputs` and `errors` are
/// arrays of `count` places: for each command one of them becomes an object that the caller frees, and
/// the other one NULL. One that fails does not keep the others from running, and does not make this
/// function fail. Threads of the library are used for all but one at a time.
///
/// SANDLOCK_ERROR_ARGUMENT: an argument or one of the launches cannot be used; nothing has been run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_run_all(
    sandbox: Option<&sandlock_sandbox>,
    launches: *const *const sandlock_launch,
    count: usize,
    at_once: usize,
    outputs: *mut *mut sandlock_output,
    errors: *mut *mut sandlock_error,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let sandbox = needed(sandbox, "sandbox")?.sandbox();
        // SAFETY: as the header asks of callers.
        let (launches, outputs, errors) = unsafe {
            let launches = slice(launches, count, "launches")?;
            (launches, room(outputs, count, "outputs")?, room(errors, count, "errors")?)
        };
        let name = |index: usize| format!("launches[{index}]");
        let launches = launches.iter().enumerate();
        // SAFETY: as above.
        let launches = launches.map(|(index, one)| unsafe { launch(*one, &name(index)) });
        let launches = launches.collect::<Result<Vec<_>>>()?;
        let results = sandbox.run_all(launches, at_once);
        for ((result, output), error) in results.into_iter().zip(outputs).zip(errors) {
            output.write(std::ptr::null_mut());
            error.write(std::ptr::null_mut());
            match result {
                Ok(ended) => give(output, sandlock_output::new(ended)),
                Err(failure) => give(error, sandlock_error::new(failure)),
            }
        }
        Ok(())
    })
}

/// Starts a command and returns when it has been executed; free `*child` with sandlock_child_free().
/// A thread of the library serves it from then on.
///
/// Errors: as sandlock_sandbox_run(); SANDLOCK_ERROR_IO also when there is no room for another thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_sandbox_spawn(
    sandbox: Option<&sandlock_sandbox>,
    launch: *const sandlock_launch,
    child: Option<&mut MaybeUninit<*mut sandlock_child>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let sandbox = needed(sandbox, "sandbox")?.sandbox();
        let place = needed(child, "child")?;
        // SAFETY: as the header asks of callers.
        let launch = unsafe { self::launch(launch, "launch") }?;
        give(place, sandlock_child(sandbox.spawn(launch)?));
        Ok(())
    })
}
