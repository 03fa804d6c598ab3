//! The plan as a stable text: what `sandlock explain` prints and snapshot tests compare.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use super::filter::{FilterPlan, Verdict};
use super::landlock::{GrantKind, LandlockPlan};
use super::{ChildStep, Enforcement, Environment, Plan, Resource};
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
        self.refused(f)?;
        for (number, verdict) in &self.verdicts {
            let Verdict::RefuseWhen(errno, cases) = verdict else { continue };
            let name = self.arch.name_of(*number).unwrap_or("?");
            let refused: Vec<String> = cases.iter().map(ToString::to_string).collect();
            writeln!(f, "  {name}: {} when {}", errno_name(*errno), refused.join(" | "))?;
        }
        Ok(())
    }
}

impl FilterPlan {
    /// One line for each errno, with the names of the calls that always get it.
    fn refused(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
        for (number, verdict) in &self.verdicts {
            if let Verdict::Refuse(errno) = verdict {
                names.entry(*errno).or_default().push(self.arch.name_of(*number).unwrap_or("?"));
            }
        }
        for (errno, names) in names {
            writeln!(f, "  {}: {}", errno_name(errno), names.join(", "))?;
        }
        Ok(())
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
            ChildStep::Limit(resource, value) => write!(f, "limit {resource} to {value}"),
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
