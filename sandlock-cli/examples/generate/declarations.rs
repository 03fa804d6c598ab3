//! What `include/sandlock.h` declares, each with the comment in front of it.

/// A function, type or constant.
pub(crate) struct Declaration {
    pub(crate) name: String,
    /// The comment, without its marks.
    pub(crate) text: String,
    /// The declaration, as it is in the header.
    pub(crate) code: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Constant,
    Type,
    Function,
}

/// The comment at the top of the header, by paragraphs.
pub(crate) fn conventions(header: &str) -> Vec<String> {
    let comment = header.split("*/").next().unwrap_or_default();
    paragraphs(&comment.lines().map(unmarked).collect::<Vec<_>>().join("\n"))
}

pub(crate) fn declarations(header: &str) -> Vec<Declaration> {
    header.split("\n/**\n").skip(1).filter_map(declaration).collect()
}

/// Of the text behind the beginning of a comment.
fn declaration(text: &str) -> Option<Declaration> {
    let (comment, rest) = text.split_once("\n */\n")?;
    let end = if rest.starts_with("typedef struct {") { "\n}" } else { "" };
    let line = if rest.starts_with('#') { "\n" } else { ";\n" };
    let end = rest.find(end)?;
    let code = &rest[..end + rest[end..].find(line)? + line.len() - 1];
    let (name, kind) = name(code)?;
    let text = comment.lines().map(unmarked).collect::<Vec<_>>().join("\n");
    Some(Declaration { name: name.to_owned(), text, code: code.to_owned(), kind })
}

fn name(code: &str) -> Option<(&str, Kind)> {
    if let Some(constant) = code.strip_prefix("#define ") {
        return Some((constant.split(' ').next()?, Kind::Constant));
    }
    let (before, kind) = match (code.starts_with("typedef"), code.split_once("(*")) {
        (true, Some((_, callback))) => (callback.split(')').next()?, Kind::Type),
        (true, None) => (code.trim_end_matches(';'), Kind::Type),
        (false, _) => (code.split('(').next()?, Kind::Function),
    };
    Some((before.rsplit([' ', '*']).next()?, kind))
}

/// A struct's fields, with their comments.
pub(crate) fn fields(code: &str) -> Vec<(String, String)> {
    let field = |text: &str| {
        let (comment, rest) = text.split_once("\n     */\n")?;
        let text = comment.lines().map(unmarked).collect::<Vec<_>>().join(" ");
        Some((rest.lines().next()?.trim().to_owned(), text))
    };
    code.split("\n    /**\n").skip(1).filter_map(field).collect()
}

/// A declaration without the comments in it.
pub(crate) fn plain(code: &str) -> String {
    let comment = |line: &&str| line.starts_with("     *") || *line == "    /**";
    code.lines().filter(|line| !comment(line)).collect::<Vec<_>>().join("\n")
}

/// Paragraphs, each on one line.
pub(crate) fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(|paragraph| paragraph.trim().replace('\n', " ")).collect()
}

fn unmarked(line: &str) -> &str {
    let line = line.trim_start_matches("/*").trim_start().trim_start_matches('*');
    line.strip_prefix(' ').unwrap_or(line)
}
