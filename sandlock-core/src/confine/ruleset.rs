//! The Landlock ruleset of a plan, through the `landlock` crate.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use landlock::{
    AccessFs, AccessNet, CompatLevel, Compatible, CreateRulesetError, NetPort, PathBeneath,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::error::{Error, ErrorKind, Problem, Result};
use crate::plan::landlock::{Grant, LandlockPlan};
use crate::text::{describe_errno, errno_of, one_line};

/// Creates the ruleset. The granted paths are resolved and pinned here.
///
/// # Errors
///
/// [`ErrorKind::Policy`] with every granted path that is missing or cannot be opened;
/// [`ErrorKind::Io`] when this process has no descriptors left.
pub(crate) fn create(plan: &LandlockPlan) -> Result<OwnedFd> {
    let mut ruleset = declare(plan).map_err(unexpected)?;
    let mut problems = Vec::new();
    let mut first_errno = None;
    for grant in &plan.grants {
        match open(&grant.path) {
            Ok(file) => ruleset = add_path(ruleset, plan, grant, &file)?,
            Err(libc::ENOENT) if grant.if_exists => {}
            Err(errno) if is_shortage(errno) => {
                let path = one_line(&grant.path);
                return Err(Error::io(format!("open({path:?}, O_PATH)"), errno));
            }
            Err(errno) => {
                problems.push(unusable(grant, errno));
                first_errno.get_or_insert(errno);
            }
        }
    }
    if let Some(errno) = first_errno {
        return Err(Error::policy(problems).with_errno(errno));
    }
    for port in plan.connect.iter().cloned().flatten() {
        let rule = NetPort::new(port, AccessNet::ConnectTcp);
        ruleset = ruleset.add_rule(rule).map_err(unexpected)?;
    }
    Option::<OwnedFd>::from(ruleset)
        .ok_or_else(|| Error::new(ErrorKind::Unsupported, "Landlock is missing on this kernel"))
}

/// The ruleset that a keeper and everything below it is in: signals stay inside. `None` where the
/// plan does not scope signals.
pub(crate) fn create_for_keeper(plan: &LandlockPlan) -> Result<Option<OwnedFd>> {
    if !plan.scoped.contains(Scope::Signal) {
        return Ok(None);
    }
    let root = open(Path::new("/")).map_err(|errno| Error::io("open(\"/\", O_PATH)", errno))?;
    // Every ruleset denies renames between directories that it does not grant.
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::Refer)
        .and_then(|ruleset| ruleset.scope(Scope::Signal)?.create())
        .and_then(|ruleset| ruleset.add_rule(PathBeneath::new(root, AccessFs::Refer)))
        .map_err(unexpected)?;
    Ok(ruleset.into())
}

/// The ruleset with what it handles; a kernel that lacks any of it is an error.
fn declare(plan: &LandlockPlan) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(plan.handled_fs)?;
    if !plan.handled_net.is_empty() {
        ruleset = ruleset.handle_access(plan.handled_net)?;
    }
    if !plan.scoped.is_empty() {
        ruleset = ruleset.scope(plan.scoped)?;
    }
    ruleset.create()
}

fn open(path: &Path) -> Result<File, i32> {
    let opened = File::options().read(true).custom_flags(libc::O_PATH).open(path);
    opened.map_err(|error| errno_of(&error))
}

fn add_path(
    ruleset: RulesetCreated,
    plan: &LandlockPlan,
    grant: &Grant,
    file: &File,
) -> Result<RulesetCreated> {
    let metadata = file.metadata().map_err(|error| unusable_error(grant, errno_of(&error)))?;
    let rights = plan.rights(grant.kind);
    let rights = if metadata.is_dir() { rights } else { LandlockPlan::on_file(rights) };
    ruleset.add_rule(PathBeneath::new(file.as_fd(), rights)).map_err(unexpected)
}

fn unusable(grant: &Grant, errno: i32) -> Problem {
    let path = one_line(&grant.path);
    let way_out = match (errno, grant.if_exists) {
        (libc::ENOENT, false) => format!(" ({}_if_exists skips missing paths)", grant.setting),
        _ => String::new(),
    };
    Problem::new(place(grant), format!("{path}: {}{way_out}", describe_errno(errno)))
}

fn unusable_error(grant: &Grant, errno: i32) -> Error {
    Error::policy(vec![unusable(grant, errno)]).with_errno(errno)
}

fn place(grant: &Grant) -> String {
    format!("{}[{}]", grant.setting, grant.index)
}

/// Whether it is this process, or the whole machine, that is short of something.
fn is_shortage(errno: i32) -> bool {
    matches!(errno, libc::EMFILE | libc::ENFILE | libc::ENOMEM)
}

/// What the plan ruled out, or a kernel that contradicts its own version; or a shortage.
fn unexpected(error: RulesetError) -> Error {
    if let RulesetError::CreateRuleset(CreateRulesetError::CreateRulesetCall { source, .. }) =
        &error
        && is_shortage(errno_of(source))
    {
        return Error::io("landlock_create_ruleset(2)", errno_of(source));
    }
    Error::new(ErrorKind::Unsupported, format!("the Landlock ruleset cannot be made: {error}"))
}
