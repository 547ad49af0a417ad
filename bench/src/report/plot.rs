//! The plot of memory over live sessions, as SVG (https://www.w3.org/TR/SVG2/): nothing is needed to look at it but a browser.

use super::Report;
use super::scale::{Step, kib_per_session, scale_steps};
use crate::target::Kind;

/// The file beside the page.
pub const MEMORY_PLOT: &str = "benchmarks-memory.svg";

/// Width and height of one of the two panels, in pixels; what stands around it has [`MARGIN`].
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 220.0;
const MARGIN: f64 = 60.0;

/// A line through points, with what it shows.
struct Series {
    label: String,
    colour: &'static str,
    points: Vec<(f64, f64)>,
}

/// The runtime's memory, and one init's, over live sessions. `None` when there is no line to draw.
pub fn memory_plot(report: &Report) -> Option<String> {
    let steps = scale_steps(report, Kind::Sessile.name());
    let over = |value: &dyn Fn(&Step) -> Option<f64>| -> Vec<(f64, f64)> {
        steps.iter().filter_map(|step| Some((step.sessions as f64, value(step)?))).collect()
    };
    let (most, slope) = kib_per_session(report, Kind::Sessile.name())?;
    let runtime = Series {
        label: format!("runtime, MiB resident: {slope:.1} KiB a session up to {most}"),
        colour: "#2b6cb0",
        points: over(&|step| Some(step.resident_kib? as f64 / 1024.0)),
    };
    let resident = Series {
        label: "one init, KiB resident".to_owned(),
        colour: "#c05621",
        points: over(&|step| Some(step.init?.resident_kib as f64)),
    };
    let proportional = Series {
        label: "one init, KiB proportional".to_owned(),
        colour: "#2f855a",
        points: over(&|step| Some(step.init?.proportional_kib as f64)),
    };
    let panels = [vec![runtime], vec![resident, proportional]];
    let lines = panels.iter().flatten().all(|series| series.points.len() > 1);
    lines.then(|| {
        let [left, right] = panels.map(|series| panel(&series));
        let (width, height) = (2.0 * (WIDTH + 1.5 * MARGIN), HEIGHT + 2.0 * MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <g transform=\"translate({MARGIN} {MARGIN})\">\n{left}</g>\n\
             <g transform=\"translate({} {MARGIN})\">\n{right}</g>\n</svg>\n",
            WIDTH + 2.5 * MARGIN
        )
    })
}

/// One pair of axes: sessions from left to right, each tenfold the same way; values from 0 up.
fn panel(series: &[Series]) -> String {
    let all = || series.iter().flat_map(|series| &series.points);
    let (few, many) = all().fold((f64::MAX, 1.0_f64), |(few, many), point| (few.min(point.0), many.max(point.0)));
    let step = round_step(all().fold(0.0, |top: f64, point| top.max(point.1)) / 4.0);
    let top = all().fold(0.0, |top: f64, point| top.max(point.1) / step).ceil().max(1.0) * step;
    let x = |sessions: f64| (sessions / few).ln() / (many / few).ln().max(f64::EPSILON) * WIDTH;
    let y = |value: f64| HEIGHT - value / top * HEIGHT;
    let mut svg = String::new();
    let ticks = std::iter::successors(Some(0.0), |value| Some(value + step)).take_while(|value| *value <= top * 1.001);
    for value in ticks {
        svg.push_str(&format!(
            "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"-8\" y=\"{1:.1}\" text-anchor=\"end\">{value}</text>\n",
            y(value),
            y(value) + 4.0
        ));
    }
    for sessions in series.first().map(|series| series.points.iter().map(|point| point.0)).into_iter().flatten() {
        svg.push_str(&format!(
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{sessions}</text>\n",
            x(sessions),
            HEIGHT + 18.0
        ));
    }
    svg.push_str(&format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">live sessions</text>\n",
        WIDTH / 2.0,
        HEIGHT + 38.0
    ));
    for (index, series) in series.iter().enumerate() {
        let points: Vec<_> = series.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        let above = -10.0 - 16.0 * index as f64;
        svg.push_str(&format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{1}\" stroke-width=\"2\"/>\
             <text x=\"0\" y=\"{above}\" fill=\"{1}\">{2}</text>\n",
            points.join(" "),
            series.colour,
            series.label
        ));
        for (point, value) in points.iter().zip(&series.points) {
            let (x, y) = point.split_once(',').unwrap_or_default();
            svg.push_str(&format!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{}\"><title>{} sessions: {:.1}</title></circle>\n",
                series.colour, value.0, value.1
            ));
        }
    }
    svg
}

/// The next of 1, 2 and 5 times a power of ten.
fn round_step(at_least: f64) -> f64 {
    let power = 10_f64.powf(at_least.max(f64::MIN_POSITIVE).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|digit| digit * power).find(|step| *step >= at_least).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::round_step;

    #[test]
    fn steps_are_ones_that_people_count_in() {
        let steps = [0.3, 1.0, 1.1, 4.0, 6.0, 61.0, 240.0].map(round_step);
        assert_eq!(steps, [0.5, 1.0, 2.0, 5.0, 10.0, 100.0, 500.0]);
    }
}
