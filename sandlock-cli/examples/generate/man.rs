//! Manual pages: one for the command and one for each of its subcommands.

use std::error::Error;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::Generated;

pub(crate) fn pages() -> Result<Vec<Generated>, Box<dyn Error>> {
    let mut command = sandlock_cli::command();
    command.build();
    let mut pages = vec![page(&command, other_pages(&command))?];
    for subcommand in command.get_subcommands() {
        pages.push(page(subcommand, own_commands(subcommand))?);
    }
    Ok(pages)
}

fn page(command: &Command, commands: Roff) -> Result<Generated, Box<dyn Error>> {
    let source = concat!("sandlock ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source).manual("sandlock manual");
    let mut head = Vec::new();
    man.render_title(&mut head)?;
    let mut body = Vec::new();
    man.render_name_section(&mut body)?;
    man.render_synopsis_section(&mut body)?;
    man.render_description_section(&mut body)?;
    man.render_options_section(&mut body)?;
    commands.to_writer(&mut body)?;
    closing_sections(command).to_writer(&mut body)?;
    see_also(command).to_writer(&mut body)?;
    // Every piece repeats the definitions that only the page's head needs.
    let text = String::from_utf8(head)? + &String::from_utf8(body)?.replace(&preamble(), "");
    Ok((format!("docs/man/{}", man.get_filename()), text))
}

fn preamble() -> String {
    Roff::new().render()
}

/// The subcommands, each with a page of its own.
fn other_pages(command: &Command) -> Roff {
    commands(command, |subcommand| format!("sandlock-{}(1)", subcommand.get_name()))
}

/// The subcommands, which have no other page.
fn own_commands(command: &Command) -> Roff {
    commands(command, |subcommand| {
        let usage = subcommand.clone().render_usage().to_string();
        usage.trim_start_matches("Usage: ").to_owned()
    })
}

fn commands(command: &Command, title: impl Fn(&Command) -> String) -> Roff {
    let mut roff = Roff::new();
    if command.has_subcommands() {
        roff.control("SH", ["COMMANDS"]);
    }
    for subcommand in command.get_subcommands() {
        let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
        roff.control("TP", []).text([bold(title(subcommand))]).text([roman(about)]);
    }
    roff
}

/// What the help has behind the options: titles that end in a colon, and indented lines as they
/// are.
fn closing_sections(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    for section in text.split("\n\n").filter(|section| !section.is_empty()) {
        let (title, lines) = section.split_once(":\n").unwrap_or(("Notes", section));
        roff.control("SH", [title.to_uppercase().as_str()]).control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.trim_start())]);
        }
        roff.control("fi", []);
    }
    roff
}

fn see_also(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let pages = match command.get_name() {
        "sandlock" => "landlock(7), seccomp(2)",
        _ => "sandlock(1)",
    };
    roff.text([roman(pages)]);
    roff
}
