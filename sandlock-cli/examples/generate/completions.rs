//! Completions for shells.

use std::error::Error;

use clap_complete::{Generator, Shell};

use crate::Generated;

pub(crate) fn scripts() -> Result<Vec<Generated>, Box<dyn Error>> {
    let mut command = sandlock_cli::command();
    command.set_bin_name("sandlock");
    command.build();
    let mut scripts = Vec::new();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        shell.try_generate(&command, &mut script)?;
        let name = format!("completions/{}", shell.file_name("sandlock"));
        scripts.push((name, String::from_utf8(script)?));
    }
    Ok(scripts)
}
