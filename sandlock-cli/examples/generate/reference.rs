//! Manual pages of the C interface: what `include/sandlock.h` says, ordered by what people look for.

use clap_mangen::roff::{Inline, Roff, bold, roman};

use crate::Generated;
use crate::declarations::{
    Declaration, Kind, conventions, declarations, fields, paragraphs, plain,
};

struct Page {
    name: &'static str,
    summary: &'static str,
    /// Names, or how names begin, where they end in `_`; the longest that fits counts.
    members: &'static [&'static str],
}

const OVERVIEW: &str = "sandlock";

const PAGES: &[Page] = &[
    Page {
        name: OVERVIEW,
        summary: "confine untrusted programs, without root",
        members: &[
            "sandlock_version",
            "SANDLOCK_VERSION_",
            "sandlock_syscall_",
            "sandlock_host_",
            "sandlock_string_free",
        ],
    },
    Page {
        name: "sandlock_policy_set",
        summary: "what a program may do",
        members: &["sandlock_policy", "sandlock_policy_"],
    },
    Page {
        name: "sandlock_sandbox_new",
        summary: "make a policy ready to run programs",
        members: &["sandlock_sandbox", "sandlock_sandbox_"],
    },
    Page {
        name: "sandlock_sandbox_run",
        summary: "run programs to their end",
        members: &[
            "sandlock_sandbox_run",
            "sandlock_sandbox_run_",
            "sandlock_launch",
            "SANDLOCK_LAUNCH_",
            "sandlock_stdio",
            "SANDLOCK_STDIO_",
        ],
    },
    Page {
        name: "sandlock_sandbox_spawn",
        summary: "start a program and talk to it",
        members: &[
            "sandlock_sandbox_spawn",
            "sandlock_child",
            "sandlock_child_pid",
            "sandlock_child_fd",
            "sandlock_child_stdin",
            "sandlock_child_stdout",
            "sandlock_child_stderr",
            "sandlock_child_free",
        ],
    },
    Page {
        name: "sandlock_child_wait",
        summary: "wait for a program, end it, look at it",
        members: &["sandlock_child_", "sandlock_processes", "sandlock_processes_"],
    },
    Page {
        name: "sandlock_output_exit_code",
        summary: "what a run left",
        members: &["sandlock_output", "sandlock_output_", "sandlock_usage", "SANDLOCK_REASON_"],
    },
    Page {
        name: "sandlock_sandbox_add_handler",
        summary: "answer a program's system calls",
        members: &[
            "sandlock_sandbox_add_handler",
            "sandlock_sandbox_add_handler_",
            "sandlock_handler_",
            "sandlock_free_fn",
            "sandlock_when",
            "SANDLOCK_WHEN_",
            "SANDLOCK_PRIORITY_",
            "SANDLOCK_OPTION_",
            "sandlock_action",
            "sandlock_action_",
            "SANDLOCK_ACTION_",
            "sandlock_continue",
            "sandlock_errno",
            "sandlock_refuse",
            "sandlock_refuse_",
            "sandlock_return",
            "sandlock_inject_",
            "sandlock_kill",
        ],
    },
    Page {
        name: "sandlock_sandbox_add_observer",
        summary: "watch a program's system calls",
        members: &[
            "sandlock_sandbox_add_observer",
            "sandlock_sandbox_add_observer_",
            "sandlock_observer_",
            "sandlock_verdict",
            "SANDLOCK_OUTCOME_",
        ],
    },
    Page {
        name: "sandlock_notif_read",
        summary: "look at a system call, and at the memory of the task that makes it",
        members: &[
            "sandlock_notif",
            "sandlock_notif_",
            "sandlock_open_request",
            "sandlock_open_request_",
        ],
    },
    Page {
        name: "sandlock_error_message",
        summary: "why something could not be done",
        members: &[
            "sandlock_error",
            "sandlock_error_",
            "sandlock_status",
            "sandlock_status_",
            "SANDLOCK_OK",
            "SANDLOCK_RUNNING",
            "SANDLOCK_ERROR_",
            "SANDLOCK_STEP_",
            "sandlock_handler_error",
            "sandlock_handler_error_",
        ],
    },
    Page {
        name: "sandlock_confine_self",
        summary: "put a policy on the calling thread",
        members: &[
            "sandlock_confine_self",
            "sandlock_enforcement",
            "sandlock_enforcement_",
            "SANDLOCK_ENFORCEMENT_",
        ],
    },
];

/// Every page, and for each other function one that leads to its page.
pub(crate) fn pages(header: &str) -> Vec<Generated> {
    let declarations = declarations(header);
    let mut pages = Vec::new();
    for page in PAGES {
        let members: Vec<&Declaration> =
            declarations.iter().filter(|member| home(&member.name) == Some(page.name)).collect();
        pages.push((path(page.name), written(page, &members, header)));
        for member in members
            .iter()
            .filter(|member| member.kind == Kind::Function && member.name != page.name)
        {
            pages.push((path(&member.name), format!(".so man3/{}.3\n", page.name)));
        }
    }
    pages
}

fn path(name: &str) -> String {
    format!("docs/man/{name}.3")
}

/// The page that a name belongs to.
fn home(name: &str) -> Option<&'static str> {
    let length = |pattern: &&str| match pattern.ends_with('_') {
        true if name.starts_with(*pattern) => pattern.len(),
        false if name == *pattern => usize::MAX,
        _ => 0,
    };
    let best = |page: &&Page| page.members.iter().map(length).max().unwrap_or(0);
    PAGES.iter().max_by_key(best).filter(|page| best(page) > 0).map(|page| page.name)
}

fn written(page: &Page, members: &[&Declaration], header: &str) -> String {
    let of = |kind| members.iter().copied().filter(move |member| member.kind == kind);
    let mut roff = Roff::new();
    let version = concat!("sandlock ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", [page.name, "3", "", version, "sandlock manual"]);
    // Names must not be broken.
    roff.control("nh", []).control("ad", ["l"]);
    name_section(&mut roff, page, of(Kind::Function));
    synopsis(&mut roff, of(Kind::Type).chain(of(Kind::Function)));
    roff.control("SH", ["DESCRIPTION"]);
    if page.name == OVERVIEW {
        overview(&mut roff, &conventions(header));
    }
    for function in of(Kind::Function) {
        roff.control("SS", [format!("{}()", function.name).as_str()]);
        body(&mut roff, &function.text);
    }
    types(&mut roff, of(Kind::Type));
    constants(&mut roff, of(Kind::Constant));
    see_also(&mut roff, page);
    roff.render()
}

fn name_section<'a>(
    roff: &mut Roff,
    page: &Page,
    functions: impl Iterator<Item = &'a Declaration>,
) {
    let mut names = vec![page.name];
    names
        .extend(functions.map(|function| function.name.as_str()).filter(|name| *name != page.name));
    roff.control("SH", ["NAME"]).text([roman(format!("{} - {}", names.join(", "), page.summary))]);
}

fn synopsis<'a>(roff: &mut Roff, declared: impl Iterator<Item = &'a Declaration>) {
    roff.control("SH", ["SYNOPSIS"]).control("nf", []);
    roff.text([bold("#include <sandlock.h>")]);
    for declaration in declared {
        roff.control("sp", []);
        for line in plain(&declaration.code).lines() {
            roff.text([roman(line)]);
        }
    }
    roff.control("fi", []).control("PP", []);
    roff.text([
        roman("Compile and link with "),
        bold("$(pkg-config --cflags --libs sandlock)"),
        roman("."),
    ]);
}

/// The conventions: a title, who made the header, the title of the rest, and the rest.
fn overview(roff: &mut Roff, conventions: &[String]) {
    for paragraph in conventions.iter().skip(3) {
        roff.control("PP", []).text(inlines(paragraph));
    }
    roff.control("SS", ["Pages"]);
    for page in PAGES.iter().filter(|page| page.name != OVERVIEW) {
        roff.control("TP", [])
            .text([bold(format!("{}(3)", page.name))])
            .text([roman(page.summary)]);
    }
}

fn body(roff: &mut Roff, text: &str) {
    for (index, paragraph) in paragraphs(text).iter().enumerate() {
        if index > 0 {
            roff.control("PP", []);
        }
        roff.text(inlines(paragraph));
    }
}

fn types<'a>(roff: &mut Roff, types: impl Iterator<Item = &'a Declaration>) {
    for (index, declared) in types.enumerate() {
        if index == 0 {
            roff.control("SH", ["TYPES"]);
        }
        roff.control("SS", [declared.name.as_str()]);
        body(roff, &declared.text);
        for (field, text) in fields(&declared.code) {
            roff.control("TP", []).text([bold(field)]).text(inlines(&text));
        }
    }
}

fn constants<'a>(roff: &mut Roff, constants: impl Iterator<Item = &'a Declaration>) {
    for (index, constant) in constants.enumerate() {
        if index == 0 {
            roff.control("SH", ["CONSTANTS"]);
        }
        let value = constant.code.rsplit(' ').next().unwrap_or_default();
        roff.control("TP", []).text([bold(&constant.name), roman(format!(" ({value})"))]);
        roff.text(inlines(&constant.text.replace('\n', " ")));
    }
}

fn see_also(roff: &mut Roff, page: &Page) {
    let pages = match page.name {
        OVERVIEW => "sandlock(1), landlock(7), seccomp(2), seccomp_unotify(2)",
        _ => "sandlock(3), which has the rules that hold for every function",
    };
    roff.control("SH", ["SEE ALSO"]).text([roman(pages)]);
}

/// What stands between backticks is bold.
fn inlines(text: &str) -> Vec<Inline> {
    let style = |(index, part)| if index % 2 == 0 { roman(part) } else { bold(part) };
    text.split('`').enumerate().map(style).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_the_header_declares_is_on_a_page() {
        let header = crate::header::header().unwrap();
        let declarations = declarations(&header);
        let comments = header.lines().filter(|line| *line == "/**").count();
        assert_eq!(declarations.len(), comments);
        for Declaration { name, .. } in &declarations {
            assert!(home(name).is_some(), "{name} has no page");
        }
    }

    #[test]
    fn every_page_is_named_like_one_of_its_functions() {
        let declarations = declarations(&crate::header::header().unwrap());
        for page in PAGES.iter().filter(|page| page.name != OVERVIEW) {
            assert_eq!(home(page.name), Some(page.name));
            let function = |declared: &&Declaration| declared.kind == Kind::Function;
            assert!(
                declarations.iter().filter(function).any(|declared| declared.name == page.name),
                "{}",
                page.name
            );
        }
    }
}
