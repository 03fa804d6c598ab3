//! The table of figures.

/// One comparison; times in nanoseconds.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Without any confinement, where that is neither floor nor ours.
    pub(crate) native: Option<f64>,
    pub(crate) floor: f64,
    pub(crate) ours: f64,
    /// The highest ratio that we promise.
    pub(crate) goal: Option<f64>,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.floor
    }

    /// Whether the goal is met; `None` without one.
    pub(crate) fn passes(&self) -> Option<bool> {
        self.goal.map(|goal| self.ratio() <= goal)
    }
}

pub(crate) fn print(rows: &[Row]) {
    println!("{}", line(["", "native", "floor", "ours", "ratio", "goal", ""].map(str::to_owned)));
    for row in rows {
        let verdict = match row.passes() {
            Some(true) => "pass",
            Some(false) => "miss",
            None => "",
        };
        println!(
            "{}",
            line([
                row.name.clone(),
                row.native.map(time).unwrap_or_default(),
                time(row.floor),
                time(row.ours),
                format!("{:.2}", row.ratio()),
                row.goal.map(|goal| goal.to_string()).unwrap_or_default(),
                verdict.to_owned(),
            ])
        );
    }
}

fn line([name, native, floor, ours, ratio, goal, verdict]: [String; 7]) -> String {
    let line =
        format!("{name:32} {native:>9} {floor:>9} {ours:>9} {ratio:>6} {goal:>5}  {verdict}");
    line.trim_end().to_owned()
}

fn time(nanoseconds: f64) -> String {
    if nanoseconds < 10_000.0 {
        format!("{nanoseconds:.0} ns")
    } else {
        format!("{:.0} us", nanoseconds / 1000.0)
    }
}
