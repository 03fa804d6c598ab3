//! The table of figures.

use crate::rounds::{Times, median};

/// One comparison.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Without any confinement, where that is neither floor nor ours.
    pub(crate) native: Option<Times>,
    pub(crate) floor: Times,
    pub(crate) ours: Times,
    /// The highest ratio that we promise.
    pub(crate) goal: Option<f64>,
}

impl Row {
    /// The median of the rounds' ratios: the two times of a round saw the same machine.
    fn ratio(&self) -> f64 {
        median(self.ours.iter().zip(&self.floor).map(|(ours, floor)| ours / floor))
    }

    /// Whether the goal is met; `None` without one.
    pub(crate) fn passes(&self) -> Option<bool> {
        self.goal.map(|goal| self.ratio() <= goal)
    }
}

/// What is promised as it is, and not as a ratio.
pub(crate) struct Amount {
    pub(crate) name: &'static str,
    pub(crate) ours: f64,
    /// The most that we promise.
    pub(crate) goal: f64,
    pub(crate) unit: Unit,
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Kib,
    Nanoseconds,
    One,
}

impl Unit {
    fn show(self, amount: f64) -> String {
        match self {
            Unit::Kib => format!("{amount:.0} KiB"),
            Unit::Nanoseconds => duration(amount),
            Unit::One => format!("{amount:.0}"),
        }
    }
}

impl Amount {
    /// Whether the goal is met.
    pub(crate) fn passes(&self) -> bool {
        self.ours <= self.goal
    }
}

pub(crate) fn print(rows: &[Row], amounts: &[Amount]) {
    // A start by root takes longer: it has capabilities to drop.
    let user =
        if nix::unistd::Uid::effective().is_root() { "as root" } else { "as an ordinary user" };
    println!("{}", line([user, "native", "floor", "ours", "ratio", "goal", ""].map(str::to_owned)));
    for row in rows {
        let columns = [
            row.name.clone(),
            row.native.as_ref().map(time).unwrap_or_default(),
            time(&row.floor),
            time(&row.ours),
            format!("{:.2}", row.ratio()),
            row.goal.map(|goal| goal.to_string()).unwrap_or_default(),
            row.passes().map(verdict).unwrap_or_default().to_owned(),
        ];
        println!("{}", line(columns));
    }
    for amount in amounts {
        let none = String::new;
        let (ours, goal) = (amount.unit.show(amount.ours), amount.unit.show(amount.goal));
        let verdict = verdict(amount.passes()).to_owned();
        println!("{}", line([amount.name.to_owned(), none(), none(), ours, none(), goal, verdict]));
    }
}

fn verdict(passes: bool) -> &'static str {
    if passes { "pass" } else { "miss" }
}

fn line([name, native, floor, ours, ratio, goal, verdict]: [String; 7]) -> String {
    let line =
        format!("{name:34} {native:>8} {floor:>8} {ours:>8} {ratio:>6} {goal:>7}  {verdict}");
    line.trim_end().to_owned()
}

fn time(times: &Times) -> String {
    duration(median(times.iter().copied()))
}

fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        nanoseconds if nanoseconds < 10_000.0 => format!("{nanoseconds:.0} ns"),
        nanoseconds => format!("{:.0} us", nanoseconds / 1000.0),
    }
}
