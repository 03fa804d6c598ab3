//! The plan as a stable text: what `sandlock explain` prints and snapshot tests compare.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::filter::{FilterPlan, Verdict};
use super::landlock::{GrantKind, LandlockPlan};
use super::{ChildStep, Enforcement, Environment, Plan, Resource, Trap};
use crate::syscall::{Class, GROUPS, Group, group_of};
use crate::text::one_line;

impl Plan {
    /// The plan as text, one fact a line, in an order that does not change.
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.landlock, self.filter)?;
        for trap in &self.traps {
            self.describe_trap(trap, f)?;
        }
        writeln!(f, "start")?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        write!(f, "{}", self.environment)?;
        if let Some(timeout) = self.timeout {
            writeln!(f, "  kill after {timeout:?}")?;
        }
        write!(f, "{}", self.enforcement)
    }
}

impl Plan {
    fn describe_trap(&self, trap: &Trap, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.filter.arch.name_of(trap.number).unwrap_or("?");
        let cases: Vec<String> = trap.cases.iter().map(ToString::to_string).collect();
        let when = if cases.is_empty() { "" } else { " when " };
        writeln!(f, "ask {} about {name}{when}{}", trap.built_in.name(), cases.join(" | "))
    }
}

impl fmt::Display for LandlockPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "landlock abi {}", self.abi)?;
        writeln!(f, "  handle {}", names(self.handled_fs.iter()))?;
        for grant in &self.grants {
            let kind = match grant.kind {
                GrantKind::Read => "read",
                GrantKind::Write => "write",
            };
            let path = one_line(&grant.path);
            let missing = if grant.if_exists { " if it exists" } else { "" };
            writeln!(f, "  grant {kind} {path}{missing} ({})", grant.setting)?;
        }
        if !self.handled_net.is_empty() {
            writeln!(f, "  handle {}", names(self.handled_net.iter()))?;
        }
        for ports in &self.connect {
            let (first, last) = (ports.start(), ports.end());
            match first == last {
                true => writeln!(f, "  grant connect to tcp port {first}")?,
                false => writeln!(f, "  grant connect to tcp ports {first}-{last}")?,
            }
        }
        if !self.scoped.is_empty() {
            writeln!(f, "  scope {}", names(self.scoped.iter()))?;
        }
        Ok(())
    }
}

/// `ReadFile` becomes `read_file`, as in the kernel's LANDLOCK_ACCESS_FS_READ_FILE.
fn names<T: fmt::Debug>(rights: impl Iterator<Item = T>) -> String {
    let mut text = String::new();
    for right in rights {
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(separator);
        for (index, letter) in format!("{right:?}").chars().enumerate() {
            if letter.is_ascii_uppercase() && index > 0 {
                text.push('_');
            }
            text.push(letter.to_ascii_lowercase());
        }
    }
    text
}

impl fmt::Display for FilterPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "filter {}", self.arch.name())?;
        writeln!(f, "  foreign architecture: kill")?;
        if self.arch.has_x32() {
            writeln!(f, "  x32 numbers: kill")?;
        }
        let newest = self.arch.newest();
        let name = self.arch.name_of(newest).unwrap_or("?");
        writeln!(f, "  unknown numbers, and above {name} ({newest}): ENOSYS")?;
        for group in GROUPS {
            self.describe_group(group, f)?;
        }
        let others = self.verdicts.iter().filter(|(number, verdict)| {
            let group = self.arch.name_of(**number).and_then(group_of);
            !group.is_some_and(|group| is_of_the_base_list(group, verdict))
        });
        self.describe_refused("by the policy", others, f)
    }
}

/// Whether a call of `group` gets this verdict without a word of the policy.
fn is_of_the_base_list(group: &Group, verdict: &Verdict) -> bool {
    match (group.class, verdict) {
        (Class::Refused(errno), Verdict::Refuse(given)) => errno == *given,
        (Class::Judged, _) => true,
        _ => false,
    }
}

impl FilterPlan {
    /// What the base deny list says to the calls of `group`, and why.
    fn describe_group(&self, group: &Group, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = group.calls.iter().filter_map(|name| self.arch.number_of(name));
        let verdicts = numbers.filter_map(|number| self.verdicts.get_key_value(&number));
        let verdicts = verdicts.filter(|(_, verdict)| is_of_the_base_list(group, verdict));
        self.describe_refused(&format!("@{}: {}", group.name, group.reason), verdicts, f)
    }

    /// A title, a line for each errno with the names of the calls that always get it, and a line
    /// for each call that gets one for some arguments.
    fn describe_refused<'a>(
        &self,
        title: &str,
        verdicts: impl Iterator<Item = (&'a u32, &'a Verdict)>,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let mut always: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
        let mut lines = Vec::new();
        for (number, verdict) in verdicts {
            let name = self.arch.name_of(*number).unwrap_or("?");
            match verdict {
                Verdict::Refuse(errno) => always.entry(*errno).or_default().push(name),
                Verdict::RefuseWhen(errno, cases) => {
                    let cases: Vec<String> = cases.iter().map(ToString::to_string).collect();
                    let errno = errno_name(*errno);
                    lines.push(format!("{name}: {errno} when {}", cases.join(" | ")));
                }
            }
        }
        let always = always
            .into_iter()
            .map(|(errno, names)| format!("{}: {}", errno_name(errno), names.join(", ")));
        lines.splice(0..0, always);
        if !lines.is_empty() {
            writeln!(f, "  {title}")?;
        }
        lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

fn errno_name(errno: i32) -> String {
    format!("{:?}", nix::errno::Errno::from_raw(errno))
}

impl fmt::Display for ChildStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChildStep::DieWithKeeper => f.write_str("die with the keeper"),
            ChildStep::NewSession => f.write_str("new session, unless interactive"),
            ChildStep::ResetSignals => f.write_str("reset signals"),
            ChildStep::Limit(resource, libc::RLIM_INFINITY) => {
                write!(f, "limit {resource} to the caller's own maximum")
            }
            ChildStep::Limit(resource, value) => {
                let unit = match resource {
                    Resource::CoreSize | Resource::FileSize => "bytes",
                    Resource::OpenFiles => "descriptors",
                };
                write!(
                    f,
                    "limit {resource} to {value} {unit}, or the caller's own maximum if lower"
                )
            }
            ChildStep::ChangeDirectory(path) => write!(f, "change to {}", one_line(path)),
            ChildStep::NoNewPrivileges => f.write_str("no new privileges"),
            ChildStep::Landlock => f.write_str("apply landlock"),
            ChildStep::DropCapabilities(kept) if kept.is_empty() => {
                f.write_str("drop all capabilities")
            }
            ChildStep::DropCapabilities(kept) => {
                let kept: Vec<&str> = kept.iter().map(|capability| capability.name()).collect();
                write!(f, "drop all capabilities but {}", kept.join(", "))
            }
            ChildStep::Descriptors => f.write_str("keep descriptors 0, 1, 2"),
            ChildStep::Filter => f.write_str("install filter"),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Resource::CoreSize => "core dumps",
            Resource::FileSize => "file size",
            Resource::OpenFiles => "open files",
        })
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.clean {
            writeln!(f, "  keep of the environment {}", Environment::KEPT.join(", "))?;
        }
        for (name, value) in &self.changes {
            writeln!(f, "  set {}={}", one_line(name), one_line(value))?;
        }
        Ok(())
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let lists = [
            ("enforced", &self.enforced),
            ("degraded", &self.degraded),
            ("weakened", &self.weakened),
        ];
        for (title, lines) in lists {
            writeln!(text, "{title}{}", if lines.is_empty() { ": nothing" } else { "" })?;
            for line in lines {
                writeln!(text, "  {line}")?;
            }
        }
        f.write_str(&text)
    }
}
