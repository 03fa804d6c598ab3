//! `docs/settings.md`: every setting and how its values are written.

use sandlock::{Protection, SETTINGS, Setting, Shape};

const INTRODUCTION: &str = "\
<!-- Made from the table of settings by `make generate`. -->

# Settings

A setting has one dotted path and one meaning everywhere: as a key of a TOML profile, as a verb of the Rust builder, as a
keyword in Python and as a flag of the command. All of them are read by the same code, so a value is written the same way
on each.

No rule means no access: a policy without settings grants no path and no network. An unknown key or a value that is not
understood is an error that names the dotted path, and all errors are reported at once.

Policies can be laid over each other: profiles in the order of their `-p` flags, then the flags. Lists are appended to, maps
gain keys, everything else is replaced.

";

const PROFILES: &str = "
## Profiles

A profile is a TOML file; a section is written as a table or as a dotted key.

```toml
[fs]
read = [\"/usr\"]
write = [\"/tmp/job\"]

[limits]
timeout = \"30s\"
```

`-p X` takes X as a path if it contains a slash or ends in `.toml`. Otherwise it is the file `X.toml` in
`$XDG_CONFIG_HOME/sandlock/profiles`, or `~/.config/sandlock/profiles` where that variable is unset or not an absolute path.
";

/// A kind of value: title, what it is, the setting whose values show it, and examples.
type Values = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const VALUES: &[Values] = &[
    (
        "Sizes",
        "An integer or a decimal, with K, M, G or T for powers of 1024. In TOML and Python a plain integer need not be quoted.",
        "limits.file_size",
        &[
            ("4096", "4096 bytes"),
            ("64K", "65536 bytes"),
            ("1.5G", "1610612736 bytes; a fraction of a byte is rounded down"),
        ],
    ),
    (
        "Times",
        "An integer or a decimal, in seconds or with ms, s, m or h. In TOML and Python a plain number need not be quoted; Python takes a \
         timedelta, too. Zero is an error.",
        "limits.timeout",
        &[
            ("30", "30 seconds"),
            ("1.5", "a second and a half"),
            ("500ms", "half a second"),
            ("2m", "two minutes"),
            ("1h", "an hour"),
        ],
    ),
    (
        "Network rules",
        "Rules for hosts, addresses, UDP and ICMP are errors: they cannot be held yet.",
        "net.allow",
        &[
            ("tcp://:443", "outbound TCP connections to port 443 of any host"),
            ("tcp://:80,443", "to one of two ports"),
            ("tcp://:8000-8100", "to a range of ports"),
            ("tcp://:*", "to any port"),
            ("*", "TCP and UDP without restriction, listening included"),
        ],
    ),
    (
        "System calls",
        "Names as in the manual pages, and groups of them by `@name`; [syscalls.md](syscalls.md) lists all.",
        "syscalls.deny",
        &[("chmod", "one call"), ("@file-metadata", "every call of a group")],
    ),
    (
        "Capabilities",
        "Names of capabilities(7) in small or capital letters, with or without `CAP_`.",
        "process.keep_capabilities",
        &[
            ("net_bind_service", "ports below 1024 may be bound"),
            ("CAP_NET_BIND_SERVICE", "the same"),
        ],
    ),
];

pub(crate) fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("| TOML | Rust | Python | flag | meaning |\n|---|---|---|---|---|\n");
    SETTINGS.iter().for_each(|setting| page.push_str(&row(setting)));
    let mut section = "";
    for setting in SETTINGS {
        if setting.section() != section {
            section = setting.section();
            page.push_str(&format!("\n## {section}\n"));
        }
        if setting.path != section {
            page.push_str(&format!("\n### {}\n", setting.path));
        }
        page.push_str(&entry(setting));
    }
    page.push_str("\n## Values\n");
    VALUES.iter().for_each(|values| page.push_str(&value_table(values)));
    page.push_str(&protections());
    page.push_str(PROFILES);
    page
}

fn row(setting: &Setting) -> String {
    let Setting { path, builder, python, doc, .. } = setting;
    let flags = flags(setting).join(", ");
    format!("| `{path}` | `.{builder}()` | `{python}` | {flags} | {doc} |\n")
}

fn flags(setting: &Setting) -> Vec<String> {
    let short = setting.short.map(|letter| format!("`-{letter}`"));
    short.into_iter().chain([format!("`--{}`", setting.flag)]).collect()
}

fn entry(setting: &Setting) -> String {
    let Setting { path, doc, example, .. } = setting;
    let adds_up = match setting.shape {
        Shape::List => "A list; the flag may be repeated.",
        Shape::Scalar => "One value; a further one replaces it.",
        Shape::Switch => "On or off; the flag takes no value.",
        Shape::Map => "A table; the flag may be repeated.",
    };
    let flag = flag_with_value(setting);
    format!(
        "\n{doc} {adds_up}\n\n```toml\n{path} = {example}\n```\n\n\
         ```sh\nsandlock run {flag} -- CMD\n```\n"
    )
}

fn flag_with_value(setting: &Setting) -> String {
    match setting.shape {
        Shape::Switch => format!("--{}", setting.flag),
        _ => format!("--{} {}", setting.flag, shell_word(setting.text)),
    }
}

fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.:,=@_-".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { format!("'{text}'") }
}

fn value_table((title, text, setting, examples): &Values) -> String {
    let mut table = format!("\n### {title}\n\n{text}\n\n| `{setting}` | meaning |\n|---|---|\n");
    for (value, meaning) in *examples {
        table.push_str(&format!("| `{value}` | {meaning} |\n"));
    }
    table
}

fn protections() -> String {
    let mut table = "\n### What each protection needs\n\n\
        What Landlock gained after its first version (ABI 1, Linux 5.13, without which nothing runs).\n\n\
        | name | Landlock ABI | Linux |\n|---|---|---|\n"
        .to_owned();
    for protection in Protection::ALL {
        let (abi, kernel) = protection.needs();
        table.push_str(&format!("| `{protection}` | {abi} | {kernel} |\n"));
    }
    table.push_str(
        "\nModes: `strict`, the default, is an error on a kernel without the protection; \
         `if-available` runs without it and\nlists it as degraded; `off` never uses it and lists \
         it as weakened.\n",
    );
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandlock::Policy;

    #[test]
    fn every_value_of_the_page_is_accepted() {
        for (_, _, setting, examples) in VALUES {
            for (value, _) in *examples {
                Policy::default().set(setting, value).unwrap();
            }
        }
    }

    #[test]
    fn no_cell_breaks_a_table() {
        for setting in SETTINGS {
            assert!(!setting.doc.contains('|'), "{}", setting.path);
        }
    }

    #[test]
    fn the_profile_of_the_page_is_one() {
        let toml = PROFILES.split("```toml").nth(1).and_then(|text| text.split("```").next());
        assert_ne!(Policy::from_toml(toml.unwrap()).unwrap(), Policy::default());
    }
}
