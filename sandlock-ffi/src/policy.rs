//! Policies.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use sandlock::{Error, ErrorKind, Explanation, Host, Plan, Policy};

use crate::error::{sandlock_error, sandlock_status};
use crate::guard::{attempt, free, look};
use crate::pointer::{needed, os, utf8};
use crate::text::give_text;

/// What a program may do: data alone. A policy without settings grants nothing.
///
/// A policy can be read by several threads at once; nobody else may use it while it is changed.
pub struct sandlock_policy(pub(crate) Policy);

/// A policy without settings; free it with sandlock_policy_free(). Never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_policy_new() -> Box<sandlock_policy> {
    Box::new(sandlock_policy(Policy::default()))
}

/// A policy of its own that is equal to `policy`; NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_policy_clone(
    policy: Option<&sandlock_policy>,
) -> Option<Box<sandlock_policy>> {
    look(policy, None, |policy| Some(Box::new(sandlock_policy(policy.0.clone()))))
}

/// Frees a policy. NULL is allowed. Sandboxes that were made of it do not need it.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_policy_free(policy: Option<Box<sandlock_policy>>) {
    free(policy);
}

/// Sets the setting with the dotted path `setting` ("fs.read") from a text, which may be any bytes where
/// the setting is a path: lists and maps append, everything else replaces. A map takes "KEY=VALUE", or
/// the key as last part of the path. The settings are those of docs/settings.md.
///
/// SANDLOCK_ERROR_POLICY: no setting has this path, or it does not take this value.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_policy_set(
    policy: Option<&mut sandlock_policy>,
    setting: *const c_char,
    value: *const c_char,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let policy = needed(policy, "policy")?;
        // SAFETY: as the header asks of callers.
        let (setting, value) = unsafe { (utf8(setting, "setting")?, os(value, "value")?) };
        policy.0.set(setting, value)
    })
}

/// Lays the TOML text `toml` over the policy: lists append, everything else replaces.
///
/// SANDLOCK_ERROR_POLICY, with every problem of the text: what is not TOML, what no setting is named
/// like, what no setting takes.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sandlock_policy_merge_toml(
    policy: Option<&mut sandlock_policy>,
    toml: *const c_char,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let policy = needed(policy, "policy")?;
        // SAFETY: as the header asks of callers.
        policy.0.merge_toml(unsafe { utf8(toml, "toml") }?)
    })
}

/// The policy as TOML, which sandlock_policy_merge_toml() makes an equal one of; free `*text` with
/// sandlock_string_free().
///
/// SANDLOCK_ERROR_POLICY: a path or a variable is not UTF-8, and TOML cannot hold it.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_policy_to_toml(
    policy: Option<&sandlock_policy>,
    text: Option<&mut MaybeUninit<*mut c_char>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let policy = needed(policy, "policy")?;
        give_text(text, || policy.0.to_toml())
    })
}

/// Whether two policies say the same. NULL is equal to nothing.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_policy_equal(
    policy: Option<&sandlock_policy>,
    other: Option<&sandlock_policy>,
) -> bool {
    look(policy, false, |policy| other.is_some_and(|other| policy.0 == other.0))
}

/// What would be done to confine a program on this kernel, as the text of `sandlock explain`; free
/// `*text` with sandlock_string_free(). Nothing is run, and granted paths need not exist.
///
/// SANDLOCK_ERROR_POLICY: settings contradict each other. SANDLOCK_ERROR_UNSUPPORTED: this kernel lacks a
/// protection that the policy demands.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_policy_explain(
    policy: Option<&sandlock_policy>,
    text: Option<&mut MaybeUninit<*mut c_char>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let policy = needed(policy, "policy")?;
        give_text(text, || Ok(Plan::new(&policy.0, Host::current())?.describe()))
    })
}

/// What would be done to confine a program on this kernel, as the JSON object of
/// `sandlock explain --json`; free `*text` with sandlock_string_free().
///
/// As sandlock_policy_explain(); SANDLOCK_ERROR_POLICY also where a path or a variable is not UTF-8.
#[unsafe(no_mangle)]
pub extern "C" fn sandlock_policy_explain_json(
    policy: Option<&sandlock_policy>,
    text: Option<&mut MaybeUninit<*mut c_char>>,
    err: Option<&mut MaybeUninit<*mut sandlock_error>>,
) -> sandlock_status {
    attempt(err, || {
        let policy = needed(policy, "policy")?;
        give_text(text, || {
            let explanation = Explanation::new(&policy.0, Host::current())?;
            serde_json::to_string(&explanation)
                .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
        })
    })
}
