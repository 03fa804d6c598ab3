//! `sandlock profile`, and profiles by name.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::harness::{Ended, SANDLOCK, command, text};

const WEB: &str = "# ports of the web\nnet.allow = ['tcp://:80,443']\n";

/// A configuration directory with profiles in it.
fn configuration(profiles: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let configuration = tempfile::tempdir().unwrap();
    let directory = configuration.path().join("sandlock/profiles");
    fs::create_dir_all(&directory).unwrap();
    for (name, text) in profiles {
        fs::write(directory.join(name), text).unwrap();
    }
    (configuration, directory)
}

fn sandlock(configuration: &Path, arguments: &[&str]) -> Ended {
    let mut command = command(SANDLOCK);
    command.env("XDG_CONFIG_HOME", configuration).args(arguments).output().unwrap().into()
}

#[test]
fn names_are_listed_in_order_and_other_files_are_not() {
    let files = [
        ("web.toml", WEB),
        ("build.toml", ""),
        ("notes.txt", ""),
        (".toml", ""),
        ("x.toml.toml", ""),
    ];
    let (configuration, _) = configuration(&files);
    assert_eq!(sandlock(configuration.path(), &["profile", "list"]).printed(), "build\nweb\n");
}

#[test]
fn a_directory_that_is_missing_has_no_profiles() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(sandlock(empty.path(), &["profile", "list"]).printed(), "");
    let path = sandlock(empty.path(), &["profile", "path"]);
    assert_eq!(path.printed(), format!("{}/sandlock/profiles\n", text(empty.path())));
}

#[test]
fn a_profile_is_shown_as_it_is_written() {
    let (configuration, _) = configuration(&[("web.toml", WEB)]);
    assert_eq!(sandlock(configuration.path(), &["profile", "show", "web"]).printed(), WEB);
}

#[test]
fn a_profile_with_mistakes_is_not_shown() {
    let (configuration, directory) = configuration(&[("web.toml", "net.alow = []")]);
    let ended = sandlock(configuration.path(), &["profile", "show", "web"]);
    let expected = format!(
        "{}/web.toml: net.alow: unknown setting; did you mean net.allow?",
        text(&directory)
    );
    assert_eq!((ended.error(125), ended.stdout.as_str()), (expected.as_str(), ""));
}

#[test]
fn a_profile_that_does_not_exist_is_an_error_with_a_hint() {
    let (configuration, directory) = configuration(&[]);
    for arguments in [&["profile", "show", "web"], &["explain", "-p", "web"]] {
        let ended = sandlock(configuration.path(), arguments);
        let error = ended.error(125);
        assert!(error.contains(&format!("{}/web.toml: No such file", text(&directory))), "{error}");
        assert!(error.contains("(hint: `sandlock profile list`"), "{error}");
    }
}

#[test]
fn a_name_cannot_lead_out_of_the_directory() {
    let (configuration, _) = configuration(&[("web.toml", WEB)]);
    for name in ["", ".", "..", "../profiles/web", "/web", "./web"] {
        let ended = sandlock(configuration.path(), &["profile", "show", name]);
        assert!(ended.error(125).contains("cannot be the name of a profile"), "{ended:?}");
    }
    for name in ["", ".", ".."] {
        let ended = sandlock(configuration.path(), &["explain", "-p", name]);
        assert!(ended.error(125).contains("cannot be the name of a profile"), "{ended:?}");
    }
}

#[test]
fn a_policy_can_name_a_profile() {
    let (configuration, directory) = configuration(&[("web.toml", WEB)]);
    let grants = |profile: &str| {
        let ended = sandlock(configuration.path(), &["explain", "-p", profile]);
        ended.printed().contains("grant connect to tcp port 443")
    };
    assert!(grants("web"));
    assert!(grants(text(&directory.join("web.toml"))));
}

#[test]
fn what_looks_like_a_path_is_not_looked_for_among_the_profiles() {
    let (configuration, _) = configuration(&[("web.toml", WEB)]);
    for path in ["web.toml", "./web"] {
        let ended = sandlock(configuration.path(), &["explain", "-p", path]);
        assert!(
            ended.error(125).starts_with(&format!("profile {path}: No such file")),
            "{ended:?}"
        );
    }
}

#[test]
fn a_relative_configuration_directory_is_ignored() {
    let printed = |variables: &[(&str, &str)]| {
        let mut command = command(SANDLOCK);
        command.env_clear().envs(variables.iter().copied()).args(["profile", "path"]);
        Ended::from(command.output().unwrap())
    };
    let home = "/home/user/.config/sandlock/profiles\n";
    for ignored in ["relative", "", "./x"] {
        let ended = printed(&[("XDG_CONFIG_HOME", ignored), ("HOME", "/home/user")]);
        assert_eq!(ended.printed(), home);
    }
    assert_eq!(printed(&[("HOME", "/home/user")]).printed(), home);
    let absolute = printed(&[("XDG_CONFIG_HOME", "/xdg"), ("HOME", "/home/user")]);
    assert_eq!(absolute.printed(), "/xdg/sandlock/profiles\n");
    for variables in [&[][..], &[("HOME", "relative")], &[("HOME", "")]] {
        let ended = printed(variables);
        assert!(ended.error(125).contains("(hint: set HOME"), "{ended:?}");
    }
}
