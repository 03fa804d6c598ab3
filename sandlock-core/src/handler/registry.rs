//! Who is registered for what, and the filter and the chains that come of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::options::{HandlerOptions, Mode, OnError, Priority};
use super::{Handler, Observer};
use crate::caps;
use crate::confine::trap::{self, TrapFilter, Trapping};
use crate::error::{Error, ErrorKind, Result};
use crate::host::Notifications;
use crate::plan::{Plan, Trap};
use crate::supervisor::{Link, Rank, Table, Watcher};
use crate::syscall::Syscall;

/// Everybody who is registered on a sandbox, in the order of registration.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    registrations: Vec<Registration>,
    supervised: Option<Arc<Supervised>>,
}

/// What a supervisor needs: made once, for any number of runs.
pub(crate) struct Supervised {
    pub(crate) table: Arc<Table>,
    pub(crate) filter: Arc<TrapFilter>,
    pub(crate) notifications: Notifications,
}

/// One of a sandbox's handlers or observers.
#[derive(Clone)]
pub(crate) struct Registration {
    syscall: Syscall,
    role: Role,
    options: HandlerOptions,
}

#[derive(Clone)]
enum Role {
    Handler(Arc<dyn Handler>),
    Observer(Arc<dyn Observer>),
}

impl Registration {
    pub(crate) fn handler<H: Handler>(
        syscall: Syscall,
        handler: H,
        options: HandlerOptions,
    ) -> Registration {
        let options = named::<H>(options);
        Registration { syscall, role: Role::Handler(Arc::new(handler)), options }
    }

    pub(crate) fn observer<O: Observer>(
        syscall: Syscall,
        observer: O,
        options: HandlerOptions,
    ) -> Registration {
        let options = named::<O>(options);
        Registration { syscall, role: Role::Observer(Arc::new(observer)), options }
    }
}

fn named<T>(mut options: HandlerOptions) -> HandlerOptions {
    options.name.get_or_insert_with(|| std::any::type_name::<T>().to_owned());
    options
}

impl Handlers {
    /// The built-ins of `plan` alone.
    pub(crate) fn new(
        plan: &Plan,
        notifications: impl FnOnce() -> Notifications,
    ) -> Result<Handlers> {
        match plan.traps.is_empty() {
            true => Ok(Handlers::default()),
            false => Handlers::of(plan, Vec::new(), notifications()),
        }
    }

    /// These and one more, for programs that run under `plan`.
    pub(crate) fn with(
        &self,
        plan: &Plan,
        registration: Registration,
        notifications: Notifications,
    ) -> Result<Handlers> {
        check(plan, &registration)?;
        let mut registrations = self.registrations.clone();
        registrations.push(registration);
        Handlers::of(plan, registrations, notifications)
    }

    /// As [`with`](Handlers::with), without a look at whether that makes sense.
    #[cfg(test)]
    pub(crate) fn with_unchecked(&self, plan: &Plan, registration: Registration) -> Handlers {
        let registrations = self.registrations.iter().cloned().chain([registration]).collect();
        Handlers::of(plan, registrations, crate::host::Host::current().notifications()).unwrap()
    }

    /// What a supervisor needs; `None` where nothing is trapped.
    pub(crate) fn supervised(&self) -> Option<&Arc<Supervised>> {
        self.supervised.as_ref()
    }

    fn of(
        plan: &Plan,
        registrations: Vec<Registration>,
        notifications: Notifications,
    ) -> Result<Handlers> {
        if !notifications.user_notification {
            let message = "this kernel passes no calls to a supervisor";
            let hint = "it needs Linux 5.0; container profiles may refuse seccomp(2) listeners";
            return Err(Error::new(ErrorKind::Unsupported, message).with_hint(hint));
        }
        let mut table = Table::default();
        let mut trapping = Trapping::default();
        for trap in &plan.traps {
            add_built_in(&mut table, &mut trapping, trap)?;
        }
        for registration in &registrations {
            add(&mut table, &mut trapping, registration)?;
        }
        let filter = trapping
            .compile(plan.filter.arch, notifications.wait_killable_recv)
            .map_err(filter_error)?;
        let (table, filter) = (Arc::new(table), Arc::new(filter));
        let supervised = Supervised { table, filter, notifications };
        Ok(Handlers { registrations, supervised: Some(Arc::new(supervised)) })
    }
}

impl Supervised {
    /// What this kernel lacks of what supervision would like to have.
    pub(crate) fn degraded(&self) -> impl Iterator<Item = String> {
        let Notifications { wait_killable_recv, sync_wake_up, addfd_send, .. } = self.notifications;
        let inject = "notifications: without ADDFD_FLAG_SEND (Linux 5.14) no descriptor can be \
                      injected";
        let killable = "notifications: without WAIT_KILLABLE_RECV (Linux 5.19) a signal can \
                        interrupt a call while a handler is asked about it";
        let sync = "notifications: without SYNC_WAKE_UP (Linux 6.6) an answer takes several times \
                    as long";
        [(addfd_send, inject), (wait_killable_recv, killable), (sync_wake_up, sync)]
            .into_iter()
            .filter(|(has, _)| !has)
            .map(|(_, line)| line.to_owned())
    }
}

fn add_built_in(table: &mut Table, trapping: &mut Trapping, trap: &Trap) -> Result<()> {
    let syscall = Syscall::checked(trap.number.into())
        .map_err(|error| Error::registration(trap.number, error))?;
    for case in &trap.cases {
        trapping.add(trap.number, trap::conditions(case).map_err(filter_error)?);
    }
    table.chain_mut(syscall).add(Link {
        rank: Rank::BuiltIn(trap.stage),
        name: trap.built_in.name().into(),
        when: Vec::new(),
        mode: Mode::Inline,
        on_error: OnError::Kill,
        handler: caps::handler(trap.built_in),
    });
    Ok(())
}

fn add(table: &mut Table, trapping: &mut Trapping, registration: &Registration) -> Result<()> {
    let Registration { syscall, role, options } = registration;
    let conditions = options.when.iter().map(|when| when.condition());
    let conditions = conditions.collect::<Result<_, _>>().map_err(filter_error)?;
    trapping.add(syscall.nr(), conditions);
    let (name, when) = (options.name.as_deref().unwrap_or("?").into(), options.when.clone());
    let chain = table.chain_mut(*syscall);
    match role {
        Role::Observer(observer) => {
            chain.observers.push(Watcher { name, when, observer: Arc::clone(observer) });
        }
        Role::Handler(handler) => chain.add(Link {
            rank: match options.priority {
                Priority::Before => Rank::Before,
                Priority::After => Rank::After,
            },
            name,
            when,
            mode: options.mode,
            on_error: options.on_error,
            handler: Arc::clone(handler),
        }),
    }
    Ok(())
}

fn filter_error(error: seccompiler::BackendError) -> Error {
    Error::new(ErrorKind::Registration, format!("the filter cannot be compiled: {error}"))
}

/// Calls that are never trapped: a task that ends, and the kernel's own returns from signals.
const NEVER: [&str; 4] = ["exit", "exit_group", "restart_syscall", "rt_sigreturn"];
/// Calls that no signal interrupts, or whose callers do not expect it.
const NOT_INTERRUPTED: [&str; 11] = [
    "clone",
    "clone3",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "fork",
    "vfork",
    "wait4",
    "waitid",
];

/// Rejects what would never be asked, would break the program, or does not mean anything.
fn check(plan: &Plan, registration: &Registration) -> Result<()> {
    let Registration { syscall, role, options } = registration;
    match problem(plan, *syscall, role, options) {
        Some(reason) => Err(Error::registration(syscall, reason)),
        None => Ok(()),
    }
}

fn problem(plan: &Plan, syscall: Syscall, role: &Role, options: &HandlerOptions) -> Option<String> {
    if let Some(refusal) = plan.filter.refusal(syscall.nr()) {
        return Some(format!("{refusal}, so that nobody would ever be asked"));
    }
    let name = syscall.name();
    if NEVER.contains(&name) {
        return Some("it must not be trapped".to_owned());
    }
    if NOT_INTERRUPTED.contains(&name) && !options.allow_interruptible {
        let message = "a signal could interrupt it while it waits for the answer, which programs do \
                       not expect of it (see HandlerOptions::allow_interruptible)";
        return Some(message.to_owned());
    }
    let of_handlers = |options: &HandlerOptions| {
        (options.priority, options.mode, options.on_error)
            != (Priority::default(), Mode::default(), OnError::default())
    };
    if matches!(role, Role::Observer(_)) && of_handlers(options) {
        return Some("an observer has neither priority, pool nor on_error".to_owned());
    }
    let conditions = options.when.iter().find_map(|when| when.problem());
    conditions.or_else(|| problem_of_values(options)).map(str::to_owned)
}

/// The longest deadline.
const MOST_PATIENCE: Duration = Duration::from_secs(3600);

fn problem_of_values(options: &HandlerOptions) -> Option<&'static str> {
    match (options.mode, options.on_error) {
        (Mode::Pooled { deadline }, _) if deadline.is_zero() || deadline > MOST_PATIENCE => {
            Some("a deadline is longer than 0 and at most an hour")
        }
        (_, OnError::Deny(errno)) if !(1..=4095).contains(&errno) => {
            Some("an error number is one of 1 to 4095")
        }
        _ => None,
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.registrations.iter().map(|registration| {
            let Registration { syscall, options, .. } = registration;
            format!("{} of {syscall}", options.name.as_deref().unwrap_or("?"))
        });
        f.debug_list().entries(lines).finish()
    }
}
