//! Who is registered for what, and the filter and the chains that come of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::caps;
use crate::confine::trap::{self, TrapFilter, Trapping};
use crate::error::{Error, ErrorKind, Result};
use crate::handler::{
    Handler, HandlerOptions, Mode, Observer, ObserverOptions, OnError, Priority, When,
};
use crate::host::Notifications;
use crate::plan::{BuiltIn, Plan, Trap};
use crate::supervisor::{Link, POLICY, Rank, Registered, Table};
use crate::syscall::Syscall;

/// Everybody who is registered on a sandbox, in the order of registration.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    registrations: Arc<[Registration]>,
    supervision: Option<Arc<Supervision>>,
}

/// What a supervisor needs: made once, for any number of runs.
pub(crate) struct Supervision {
    pub(crate) table: Arc<Table>,
    pub(crate) filter: Arc<TrapFilter>,
    pub(crate) notifications: Notifications,
}

/// One of a sandbox's handlers or observers.
#[derive(Clone)]
pub(crate) struct Registration {
    syscall: Syscall,
    name: Arc<str>,
    role: Role,
    shown: ObserverOptions,
}

#[derive(Clone)]
enum Role {
    Handler { handler: Arc<dyn Handler>, priority: Priority, mode: Mode, on_error: OnError },
    Observer(Arc<dyn Observer>),
}

impl Registration {
    pub(crate) fn handler<H: Handler>(
        syscall: Syscall,
        handler: H,
        options: HandlerOptions,
    ) -> Registration {
        let HandlerOptions { shown, priority, mode, on_error } = options;
        let role = Role::Handler { handler: Arc::new(handler), priority, mode, on_error };
        Registration { syscall, name: name_of::<H>(&shown), role, shown }
    }

    pub(crate) fn observer<O: Observer>(
        syscall: Syscall,
        observer: O,
        shown: ObserverOptions,
    ) -> Registration {
        let role = Role::Observer(Arc::new(observer));
        Registration { syscall, name: name_of::<O>(&shown), role, shown }
    }
}

fn name_of<T>(options: &ObserverOptions) -> Arc<str> {
    options.name.as_deref().unwrap_or_else(|| std::any::type_name::<T>()).into()
}

impl Handlers {
    /// The built-ins of `plan` alone.
    pub(crate) fn new(
        plan: &Plan,
        notifications: impl FnOnce() -> Notifications,
    ) -> Result<Handlers> {
        match plan.traps.is_empty() {
            true => Ok(Handlers::default()),
            false => Handlers::of(plan, Arc::default(), notifications()),
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
        let registrations = self.registrations.iter().cloned().chain([registration]).collect();
        Handlers::of(plan, registrations, notifications)
    }

    /// As [`with`](Handlers::with), without a look at whether that makes sense.
    #[cfg(test)]
    pub(crate) fn with_unchecked(&self, plan: &Plan, registration: Registration) -> Handlers {
        let registrations = self.registrations.iter().cloned().chain([registration]).collect();
        Handlers::of(plan, registrations, crate::host::Host::current().notifications()).unwrap()
    }

    /// What a supervisor needs; `None` where nothing is trapped.
    pub(crate) fn supervision(&self) -> Option<&Arc<Supervision>> {
        self.supervision.as_ref()
    }

    fn of(
        plan: &Plan,
        registrations: Arc<[Registration]>,
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
        for registration in registrations.iter() {
            add(&mut table, &mut trapping, registration)?;
        }
        let filter = trapping
            .compile(plan.filter.arch, notifications.wait_killable_recv)
            .map_err(filter_error)?;
        let (table, filter) = (Arc::new(table), Arc::new(filter));
        let supervision = Supervision { table, filter, notifications };
        Ok(Handlers { registrations, supervision: Some(Arc::new(supervision)) })
    }
}

impl Supervision {
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
    if trap.cases.is_empty() {
        trapping.add(trap.number, Vec::new());
    }
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
    let Registration { syscall, name, role, shown } = registration;
    let conditions = shown.when.iter().map(|when| when.condition());
    let conditions = conditions.collect::<Result<_, _>>().map_err(filter_error)?;
    trapping.add(syscall.nr(), conditions);
    let (name, when) = (Arc::clone(name), shown.when.clone());
    let chain = table.chain_mut(*syscall);
    match role {
        Role::Observer(observer) => {
            chain.observers.push(Registered { name, when, observer: Arc::clone(observer) });
        }
        Role::Handler { handler, priority, mode, on_error } => chain.add(Link {
            rank: match priority {
                Priority::Before => Rank::Before,
                Priority::After => Rank::After,
            },
            name,
            when,
            mode: *mode,
            on_error: *on_error,
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
    let syscall = registration.syscall;
    let problem = problem_of_call(plan, syscall, &registration.shown)
        .or_else(|| problem_of_options(registration).map(str::to_owned));
    match problem {
        Some(reason) => Err(Error::registration(syscall, reason)),
        None => Ok(()),
    }
}

fn problem_of_call(plan: &Plan, syscall: Syscall, shown: &ObserverOptions) -> Option<String> {
    if let Some(refusal) = plan.filter.refusal(syscall.nr()) {
        return Some(format!("{refusal}, so that nobody would ever be asked"));
    }
    let name = syscall.name();
    if NEVER.contains(&name) {
        return Some("it must not be trapped".to_owned());
    }
    if NOT_INTERRUPTED.contains(&name) && !shown.allow_interruptible {
        let message = "a signal could interrupt it while it waits for the answer, which programs do \
                       not expect of it (allow_interruptible accepts that)";
        return Some(message.to_owned());
    }
    None
}

/// The longest deadline.
const MOST_PATIENCE: Duration = Duration::from_secs(3600);

fn problem_of_options(registration: &Registration) -> Option<&'static str> {
    let is_ours = |name: &str| BuiltIn::ALL.iter().any(|built_in| built_in.name() == name);
    match &*registration.name {
        "" => return Some("a name is not empty"),
        name if name == POLICY || is_ours(name) => {
            return Some("verdicts give that name to the policy, or to a built-in");
        }
        _ => {}
    }
    if let Role::Handler { mode: Mode::Pooled { deadline }, .. } = registration.role
        && (deadline.is_zero() || deadline > MOST_PATIENCE)
    {
        return Some("a deadline is longer than 0 and at most an hour");
    }
    if let Role::Handler { on_error: OnError::Deny(errno), .. } = registration.role
        && !(1..=4095).contains(&errno)
    {
        return Some("an error number is one of 1 to 4095");
    }
    registration.shown.when.iter().find_map(When::problem)
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .registrations
            .iter()
            .map(|registration| format!("{} of {}", registration.name, registration.syscall));
        f.debug_list().entries(lines).finish()
    }
}
