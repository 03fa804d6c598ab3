//! `python/sandlock/_settings.py`: what each setting takes in Python, for type checkers.

use sandlock::{Protection, ProtectionMode, SETTINGS, Setting, Shape};

const INTRODUCTION: &str = r#""""What settings take, for type checkers. Made from the table of settings by `make generate`."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterable, Mapping
from typing import Literal, Optional, TypedDict, Union

StrOrBytes = Union[str, bytes]
StrOrBytesPath = Union[str, bytes, os.PathLike[str], os.PathLike[bytes]]
"#;

const SETTINGS_CLASS: &str = r#"

class Settings(TypedDict, total=False):
    """The keywords of Policy and Sandbox. One that is None says nothing.

"#;

pub(crate) fn page() -> Result<String, String> {
    let mut page = INTRODUCTION.to_owned();
    page.push_str(&literal("ProtectionName", Protection::ALL.map(Protection::name)));
    page.push_str(&literal("ProtectionMode", ProtectionMode::ALL.map(ProtectionMode::name)));
    page.push_str(SETTINGS_CLASS);
    // In the docstring of the class, which help() prints; strings below the keys it does not.
    let described =
        SETTINGS.iter().map(|one| format!("    {}:\n{}", one.python, indented(one.doc)));
    page.push_str(&described.collect::<String>());
    page.push_str("    \"\"\"\n\n");
    for setting in SETTINGS {
        page.push_str(&format!("    {}: Optional[{}]\n", setting.python, taken(setting)?));
    }
    Ok(page)
}

/// A type of these texts and no others.
fn literal<const N: usize>(name: &str, texts: [&str; N]) -> String {
    let texts: String = texts.iter().map(|text| format!("    \"{text}\",\n")).collect();
    format!("{name} = Literal[\n{texts}]\n")
}

/// The type of what the setting takes.
fn taken(setting: &Setting) -> Result<String, String> {
    let value = match setting.value {
        "PATH" | "DIR" => "StrOrBytesPath",
        "RULE" | "NAME" => "str",
        "N" => "int",
        "SIZE" => "Union[int, str]",
        "TIME" => "Union[float, str, datetime.timedelta]",
        // Keys of a Mapping are invariant: with one of both, a dict of texts would be refused.
        "K=V" => "Union[Mapping[str, StrOrBytes], Mapping[bytes, StrOrBytes]]",
        "NAME=MODE" => "Mapping[ProtectionName, ProtectionMode]",
        "" => "bool",
        other => return Err(format!("{}: what is {other} in Python?", setting.path)),
    };
    Ok(match setting.shape {
        Shape::List => format!("Iterable[{value}]"),
        Shape::Scalar | Shape::Switch | Shape::Map => value.to_owned(),
    })
}

/// The sentences below a keyword.
fn indented(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => line.extend([" ", word]),
            _ => lines.push(format!("        {word}")),
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sentence_ends_its_string() {
        for setting in SETTINGS {
            assert!(!setting.doc.contains(['"', '\\']), "{}", setting.path);
        }
    }
}
