//! The lines as a picture: for each a bar of ours, as long as its part of the limit.

use std::fmt::Write as _;

use crate::report::{Goal, Line};

/// Draws the lines, one below the other. The whole width of the chart is the limit, and where less is
/// better, what the goal allows.
pub(crate) fn draw(lines: &[Line]) -> String {
    let height = TOP + ROW * lines.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>Each operation as a part of what the machine can do at all</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" fill=\"#555\">0</text>\n\
         <text x=\"{}\" y=\"18\" fill=\"#555\" text-anchor=\"end\">the limit; of bytes, times and growth, the goal</text>\n",
        LEFT + BAR
    );
    for (row, line) in lines.iter().enumerate() {
        // Writing to a string cannot fail.
        let _ = write_row(&mut svg, TOP + ROW * row, line);
    }
    svg.push_str("</svg>\n");
    svg
}

fn write_row(svg: &mut String, top: usize, line: &Line) -> std::fmt::Result {
    let (part, goal) = match line.goal {
        Goal::AtLeast(goal) => (line.ratio, goal),
        Goal::AtMost(most) => (line.ratio / most, 1.0),
    };
    let color = if line.is_met() { "#2f7d4f" } else { "#b5562b" };
    let baseline = top + 15;
    let (length, mark) = (pixels(part), f64::from(LEFT) + pixels(goal));
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{baseline}\" text-anchor=\"end\" fill=\"#222\">{}</text>\n\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{BAR}\" height=\"20\" fill=\"#eee\"/>\n\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{length:.1}\" height=\"20\" fill=\"{color}\"/>\n\
         <rect x=\"{mark:.1}\" y=\"{top}\" width=\"2\" height=\"20\" fill=\"#222\"/>\n\
         <text x=\"{}\" y=\"{baseline}\" fill=\"#222\">{:.2} (goal {}), {}</text>",
        LEFT - 8,
        line.name,
        LEFT + BAR + 8,
        line.ratio,
        escaped(&line.goal.to_string()),
        line.ours,
    )
}

/// What is beyond the limit is drawn no longer than the chart.
fn pixels(part: f64) -> f64 {
    part.clamp(0.0, 1.0) * f64::from(BAR)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const WIDTH: u32 = 860;
const LEFT: u32 = 260;
const BAR: u32 = 360;
const TOP: usize = 28;
const ROW: usize = 26;
