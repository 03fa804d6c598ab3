//! Writes a [`Policy`] as data, through the settings table alone.

use std::ffi::OsString;

use serde::{Serialize, Serializer};

use super::settings::{SETTINGS, Setting};
use super::{Data, Input, Policy, Problems};
use crate::error::{Error, ErrorKind, Result};

impl Policy {
    /// What this policy says, in the order of [`SETTINGS`]: every setting that is not as in the default
    /// policy, with data that is read back to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use sandlock::{Data, Policy};
    ///
    /// let policy = Policy::builder().fs_read("/usr").clean_env(false).build()?;
    /// let [(setting, data)] = &policy.settings()[..] else { unreachable!() };
    /// assert_eq!(setting.path, "fs.read");
    /// assert_eq!(*data, Data::List(vec![Data::Text("/usr".into())]));
    /// # Ok::<(), sandlock::Error>(())
    /// ```
    pub fn settings(&self) -> Vec<(&'static Setting, Data)> {
        let default = Policy::default();
        let said = |setting: &'static Setting| {
            let data = (setting.write)(self)
                .filter(|data| Some(data) != (setting.write)(&default).as_ref());
            Some((setting, data?))
        };
        SETTINGS.iter().filter_map(said).collect()
    }

    /// This policy as TOML, which [`from_toml`](Policy::from_toml) reads back to an equal policy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Policy`] when TOML cannot hold it: a path or a variable is not UTF-8, or a number
    /// that was set in a field has more than 63 bits.
    pub fn to_toml(&self) -> Result<String> {
        self.require_utf8()?;
        toml::to_string(self).map_err(|error| {
            Error::new(ErrorKind::Policy, format!("cannot be written as TOML: {error}"))
        })
    }

    /// What the fields hold that no text could have said.
    pub(crate) fn problems(&self) -> Problems {
        let mut again = Policy::default();
        let settings = self.settings().into_iter();
        settings
            .flat_map(|(setting, data)| {
                (setting.read)(&mut again, setting.path, Input::Data(&data))
            })
            .collect()
    }

    /// Refuses what neither TOML nor JSON can hold.
    pub(crate) fn require_utf8(&self) -> Result<()> {
        let settings = self.settings().into_iter();
        let problems: Problems =
            settings.flat_map(|(setting, data)| data.beyond_toml(setting.path)).collect();
        if problems.is_empty() { Ok(()) } else { Err(Error::policy(problems)) }
    }

    /// Every setting in its section, those that nothing was said about too.
    fn sections(&self) -> Data {
        let mut sections = Vec::new();
        for settings in SETTINGS.chunk_by(|one, next| one.section() == next.section()) {
            let entry =
                |setting: &Setting| Some((OsString::from(setting.key()), (setting.write)(self)?));
            let entries = settings.iter().filter_map(entry);
            match settings {
                [] => {}
                [whole] if whole.path == whole.section() => sections.extend(entries),
                [first, ..] => {
                    sections.push((first.section().into(), Data::Table(entries.collect())));
                }
            }
        }
        Data::Table(sections)
    }
}

/// A policy is written as TOML and JSON have it.
impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.sections().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Timeout;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::time::Duration;

    /// The policy that keywords make of what `policy` says.
    fn by_keywords(policy: &Policy) -> Policy {
        let mut again = Policy::default();
        let settings = policy.settings().into_iter();
        again
            .merge_keywords(settings.map(|(setting, data)| (setting.python.to_owned(), data)))
            .unwrap();
        again
    }

    /// The policy that a table of sections makes of what `policy` says.
    fn by_sections(policy: &Policy) -> Policy {
        let Data::Table(sections) = policy.sections() else { panic!("sections are a table") };
        let mut again = Policy::default();
        again.merge_data(sections).unwrap();
        again
    }

    #[test]
    fn what_a_policy_says_is_what_was_set() {
        assert!(Policy::default().settings().is_empty());
        let mut all = Policy::default();
        for setting in SETTINGS {
            let mut one = Policy::default();
            one.set(setting.path, setting.text).unwrap();
            all.set(setting.path, setting.text).unwrap();
            let [(said, _)] = one.settings()[..] else { panic!("{:?}", one.settings()) };
            assert_eq!(said.path, setting.path);
            assert_eq!(by_keywords(&one), one);
            assert_eq!(by_sections(&one), one);
        }
        let said = all.settings();
        assert!(said.iter().map(|(setting, _)| setting.path).eq(SETTINGS.iter().map(|s| s.path)));
        assert_eq!(by_keywords(&all), all);
        assert_eq!(by_sections(&all), all);
    }

    #[test]
    fn a_default_that_was_said_is_not_said_but_a_protection_that_is_strict_is() {
        let mut policy = Policy::default();
        policy.set("process.clean_env", "false").unwrap();
        assert!(policy.settings().is_empty());
        policy.set("protections", "net_tcp=strict").unwrap();
        let strict = Data::Table(vec![("net_tcp".into(), Data::Text("strict".into()))]);
        assert_eq!(policy.settings()[0].1, strict);
        assert_eq!(by_keywords(&policy), policy);
    }

    #[test]
    fn a_number_that_no_text_can_say_is_a_problem_of_the_policy() {
        let mut policy = Policy::default();
        for (number, is_fine) in [(i64::MAX.unsigned_abs(), true), (u64::MAX, false)] {
            policy.limits.open_files = Some(number);
            assert_eq!(policy.problems().is_empty(), is_fine);
            assert_eq!(policy.to_toml().is_ok(), is_fine);
            assert_eq!(serde_json::to_string(&policy).is_ok(), is_fine);
        }
    }

    /// Policies of texts of any bytes where they are taken, and of examples elsewhere.
    fn policies() -> impl Strategy<Value = Policy> {
        let texts =
            prop::collection::vec((0..SETTINGS.len(), prop::collection::vec(1u8.., 0..12)), 0..32);
        (texts, prop::option::of(1..u64::MAX)).prop_map(|(texts, timeout)| {
            let mut policy = Policy::default();
            for (index, text) in texts {
                let setting = &SETTINGS[index];
                if policy.set(setting.path, OsStr::from_bytes(&text)).is_err() {
                    policy.set(setting.path, setting.text).unwrap();
                }
                let name: Vec<u8> = text.iter().copied().filter(|&byte| byte != b'=').collect();
                let variable = [b"N", &name[..], b"=", &text].concat();
                policy.set("process.env", OsStr::from_bytes(&variable)).unwrap();
            }
            let timeout = timeout.map(Duration::from_nanos);
            policy.limits.timeout = timeout.map(|time| Timeout::try_from(time).unwrap());
            policy
        })
    }

    proptest! {
        #[test]
        fn any_policy_is_read_back_from_what_it_says(policy in policies()) {
            prop_assert_eq!(policy.problems(), []);
            prop_assert_eq!(&by_keywords(&policy), &policy);
            prop_assert_eq!(&by_sections(&policy), &policy);
        }
    }
}
