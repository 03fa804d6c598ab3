//! The steps of a start and of confining a thread, for errors that say which one failed.

use std::fmt;

use crate::listed::listed;

listed! {
    /// A step of starting a program, or of confining the calling thread.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[repr(i32)]
    #[non_exhaustive]
    pub enum Step {
        /// Creating the keeper.
        Keeper = 1,
        /// Setting the keeper up as the reaper of the tree.
        Subreaper = 2,
        /// Creating the child.
        Child = 3,
        /// See [`ChildStep::DieWithKeeper`](crate::plan::ChildStep::DieWithKeeper).
        DieWithKeeper = 4,
        /// See [`ChildStep::NewSession`](crate::plan::ChildStep::NewSession).
        NewSession = 5,
        /// See [`ChildStep::ResetSignals`](crate::plan::ChildStep::ResetSignals).
        ResetSignals = 6,
        /// See [`ChildStep::Limit`](crate::plan::ChildStep::Limit).
        Limit = 7,
        /// See [`ChildStep::ChangeDirectory`](crate::plan::ChildStep::ChangeDirectory).
        ChangeDirectory = 8,
        /// See [`ChildStep::NoNewPrivileges`](crate::plan::ChildStep::NoNewPrivileges).
        NoNewPrivileges = 9,
        /// See [`ChildStep::Landlock`](crate::plan::ChildStep::Landlock).
        Landlock = 10,
        /// See [`ChildStep::DropCapabilities`](crate::plan::ChildStep::DropCapabilities).
        DropCapabilities = 11,
        /// See [`ChildStep::Descriptors`](crate::plan::ChildStep::Descriptors).
        Descriptors = 12,
        /// See [`ChildStep::Filter`](crate::plan::ChildStep::Filter).
        Filter = 13,
        /// Executing the program.
        Execute = 14,
        /// Leading a process group of its own, in the foreground of the caller's terminal.
        Foreground = 15,
        /// Bounding whom the keeper can signal to its own tree.
        KeeperScope = 16,
        /// Installing the filter that asks the supervisor.
        Listener = 17,
    }
}

impl Step {
    /// The step with this number, for what comes back through shared memory.
    pub(crate) fn from_number(number: i32) -> Option<Step> {
        Step::ALL.into_iter().find(|step| *step as i32 == number)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Keeper => "create the keeper",
            Step::Subreaper => "make the keeper the reaper of the tree",
            Step::Child => "create the child",
            Step::DieWithKeeper => "bind the child to its keeper",
            Step::NewSession => "start a new session",
            Step::ResetSignals => "reset signals",
            Step::Limit => "set a resource limit",
            Step::ChangeDirectory => "change the directory",
            Step::NoNewPrivileges => "set no_new_privs",
            Step::Landlock => "apply Landlock",
            Step::DropCapabilities => "drop capabilities",
            Step::Descriptors => "set up the descriptors",
            Step::Filter => "install the seccomp filter",
            Step::Execute => "execute the program",
            Step::Foreground => "take the terminal's foreground",
            Step::Listener => "install the filter that asks the supervisor",
            Step::KeeperScope => "bound the keeper's signals to the tree",
        })
    }
}
