//! Flags of a policy, made from the table of settings, and the policy they describe.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, ValueHint, value_parser};
use sandlock::{Policy, SETTINGS, Setting, Shape};

use crate::diagnostics::Failure;
use crate::profile;

const PROFILE: &str = "profile";

const PROFILE_HELP: &str = "Policy in TOML that the flags are laid over: a path if it contains a \
                            slash or ends in .toml, the name of a profile otherwise. May be \
                            repeated; later ones are laid over earlier ones.";

/// One argument for every setting, and `--profile`.
pub(crate) fn arguments() -> Vec<Arg> {
    let profile = Arg::new(PROFILE)
        .short('p')
        .long("profile")
        .value_name("PROFILE")
        .value_parser(value_parser!(OsString))
        .value_hint(ValueHint::FilePath)
        .action(ArgAction::Append)
        .help(first_sentence(PROFILE_HELP))
        .long_help(fill(PROFILE_HELP));
    std::iter::once(profile).chain(SETTINGS.iter().map(argument)).collect()
}

fn argument(setting: &'static Setting) -> Arg {
    let argument = Arg::new(setting.path)
        .long(setting.flag)
        .help_heading(format!("Policy: {}", setting.section()))
        .help(first_sentence(setting.doc))
        .long_help(fill(setting.doc));
    let argument = match setting.short {
        Some(letter) => argument.short(letter),
        None => argument,
    };
    match setting.shape {
        Shape::Switch => argument
            .action(ArgAction::Append)
            .value_name("BOOL")
            .value_parser(value_parser!(OsString))
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        // Scalars may be repeated too: the last one counts, and the others are still checked.
        Shape::List | Shape::Scalar | Shape::Map => argument
            .action(ArgAction::Append)
            .value_name(setting.value)
            .value_parser(value_parser!(OsString))
            .allow_negative_numbers(true)
            .value_hint(hint(setting.value)),
    }
}

fn hint(value: &str) -> ValueHint {
    match value {
        "PATH" => ValueHint::AnyPath,
        "DIR" => ValueHint::DirPath,
        _ => ValueHint::Other,
    }
}

/// The policy of profiles and flags, or every problem of all of them.
pub(crate) fn policy(matches: &ArgMatches) -> Result<Policy, Failure> {
    let mut policy = Policy::default();
    let mut failures = Vec::new();
    for profile in matches.get_many::<OsString>(PROFILE).into_iter().flatten() {
        failures.extend(profile::lay_over(&mut policy, profile).err());
    }
    for setting in SETTINGS {
        for value in matches.get_many::<OsString>(setting.path).into_iter().flatten() {
            failures.extend(policy.set(setting.path, value).err().map(Failure::from));
        }
    }
    match Failure::collect(failures) {
        Some(failure) => Err(failure),
        None => Ok(policy),
    }
}

/// What completions and `-h` have room for.
fn first_sentence(text: &str) -> String {
    let sentence = text.split_once(". ").map_or(text, |(sentence, _)| sentence);
    sentence.trim_end_matches('.').to_owned()
}

/// Lines for the help, which indents them by ten columns and does not break them itself.
pub(crate) fn fill(text: &str) -> String {
    const WIDTH: usize = 80;
    let mut filled = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let fits = column + 1 + word.len() <= WIDTH;
        if column > 0 {
            filled.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        filled.push_str(word);
        column += word.len();
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy_of(flags: &[&str]) -> Result<Policy, Failure> {
        let arguments = [&["sandlock", "explain"], flags].concat();
        let matches = crate::command().try_get_matches_from(arguments).unwrap();
        policy(matches.subcommand_matches("explain").unwrap())
    }

    #[test]
    fn every_setting_has_a_flag_that_means_the_same() {
        for setting in SETTINGS {
            let mut expected = Policy::default();
            expected.set(setting.path, setting.text).unwrap();
            let long = format!("--{}", setting.flag);
            let short = setting.short.map(|letter| format!("-{letter}"));
            for flag in [Some(long), short].into_iter().flatten() {
                let flags = match setting.shape {
                    Shape::Switch => vec![flag.as_str()],
                    _ => vec![flag.as_str(), setting.text],
                };
                assert_eq!(policy_of(&flags).unwrap(), expected, "{flag}");
            }
        }
    }

    #[test]
    fn a_repeated_flag_adds_up_by_its_shape() {
        for setting in SETTINGS {
            let mut expected = Policy::default();
            expected.set(setting.path, setting.text).unwrap();
            expected.set(setting.path, setting.text).unwrap();
            let long = format!("--{}", setting.flag);
            let flags = match setting.shape {
                Shape::Switch => vec![long.as_str(); 2],
                _ => vec![long.as_str(), setting.text, long.as_str(), setting.text],
            };
            assert_eq!(policy_of(&flags).unwrap(), expected, "{long}");
        }
    }

    #[test]
    fn the_last_scalar_counts_and_a_wrong_earlier_one_is_still_an_error() {
        let policy = policy_of(&["--max-open-files", "1", "--max-open-files", "2"]).unwrap();
        assert_eq!(policy.limits.open_files, Some(2));
        policy_of(&["--max-open-files", "x", "--max-open-files", "2"]).unwrap_err();
    }

    #[test]
    fn a_switch_can_be_turned_off_again() {
        assert!(policy_of(&["--clean-env"]).unwrap().process.clean_env);
        assert!(!policy_of(&["--clean-env", "--clean-env=false"]).unwrap().process.clean_env);
        policy_of(&["--clean-env=maybe"]).unwrap_err();
    }

    #[test]
    fn help_is_broken_between_words() {
        let text = "word ".repeat(40);
        let filled = fill(&text);
        assert!(filled.lines().count() == 3 && filled.lines().all(|line| line.len() <= 80));
        assert_eq!(filled.replace('\n', " "), text.trim_end());
    }
}
