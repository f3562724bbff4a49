//! In words: what about the machine keeps frames from being faster, and what to do about it.
//!
//! Pure: it looks at readings of [`power`](super::power) and [`sample`](super::sample). Advice about
//! clocks and power modes names Jetson's own tools, `jetson_clocks` and `nvpmodel`.

use super::power::{ClockRate, HostPower};

/// A clock is low where its mean is below this share of the highest it may run at. Governors leave a
/// busy part at its highest.
const LOW: f64 = 0.9;
/// As [`LOW`], for processors: the highest clock of a PC is reached by single cores, for moments.
const LOW_CPU: f64 = 0.75;
/// A power mode is told where it allows less than this share of what the hardware can.
const CAPPED: f64 = 0.95;
/// From this load on a part has nothing left, percent.
const BUSY_PERCENT: f64 = 95.0;

/// A part of the machine that has a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Cpu,
    Gpu,
    Memory,
}

impl Part {
    fn of(clock: &ClockRate) -> Option<Self> {
        let name = clock.name.as_str();
        let older = ["ga10b", "gv11b", "gp10b"];
        if name.starts_with("cpu") {
            Some(Self::Cpu)
        } else if name == "emc" || name.contains("bwmgr") {
            Some(Self::Memory)
        } else if name.contains("nvd") {
            // Thor's video engines, which a frame does not go through.
            None
        } else if name.contains("gpu") || older.iter().any(|gpu| name.contains(gpu)) {
            Some(Self::Gpu)
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Gpu => "GPU",
            Self::Memory => "memory",
        }
    }

    fn low(self) -> f64 {
        match self {
            Self::Cpu => LOW_CPU,
            Self::Gpu | Self::Memory => LOW,
        }
    }
}

/// What limits the machine, one sentence each, the heaviest first; empty where nothing does, as far
/// as the machine tells. `during` are readings of the time that counts, `before` those before it.
pub fn limits(before: &HostPower, during: &HostPower) -> Vec<String> {
    let mut all = Vec::new();
    for zone in during
        .temperatures
        .iter()
        .filter(|zone| zone.is_near_limit())
    {
        let limit_c = zone.limit_c.unwrap_or(zone.temperature_c);
        all.push(format!(
            "{} at {:.1} °C, and from {limit_c:.1} °C on it slows the board down: cool it better or \
             choose a lower power mode",
            zone.name, zone.temperature_c
        ));
    }
    for count in &during.throttled {
        let known = before.throttled.iter().find(|old| old.name == count.name);
        let events = count
            .events
            .saturating_sub(known.map_or(0, |old| old.events));
        if events > 0 {
            all.push(format!(
                "the supply's protection ({}) slowed the board down {events} times: {}",
                count.name,
                match count.name.as_str() {
                    "oc1" => "its voltage is too low, look at adapter and cable",
                    _ => "it draws too much current, take a stronger supply or a lower power mode",
                }
            ));
        }
    }
    for part in [Part::Gpu, Part::Memory, Part::Cpu] {
        all.extend(of_part(part, during));
    }
    all
}

/// The board and its power mode, in a few words.
pub fn title(board: &HostPower) -> String {
    let model = board.model.as_deref().unwrap_or("a machine without a name");
    match &board.power_mode {
        Some(mode) => format!("{model}, power mode {mode}"),
        None => model.to_string(),
    }
}

fn of_part(part: Part, board: &HostPower) -> Vec<String> {
    let mut all = Vec::new();
    // Of several cores the fastest: work on one thread leaves the others idle.
    let fastest = board
        .clocks
        .iter()
        .filter(|clock| Part::of(clock) == Some(part))
        .max_by(|a, b| (a.mhz / a.max_mhz).total_cmp(&(b.mhz / b.max_mhz)));
    let Some(clock) = fastest else {
        return all;
    };
    let is_jetson = board.power_mode.is_some()
        || board
            .model
            .as_ref()
            .is_some_and(|model| model.contains("Jetson"));
    if clock.mhz < clock.max_mhz * part.low() {
        let remedy = match is_jetson {
            true => "run jetson_clocks",
            false => "choose the governor `performance`",
        };
        all.push(format!(
            "{} at {:.0} of {:.0} MHz: {remedy}",
            part.name(),
            clock.mhz,
            clock.max_mhz
        ));
    }
    let hardware_mhz = clock.hardware_mhz.unwrap_or(clock.max_mhz);
    if is_jetson && clock.max_mhz < hardware_mhz * CAPPED {
        let mode = board.power_mode.as_deref().unwrap_or("of the board");
        all.push(format!(
            "the power mode {mode} allows the {} {:.0} of {hardware_mhz:.0} MHz: choose a higher one \
             with nvpmodel -m, where supply and cooling allow it",
            part.name(),
            clock.max_mhz
        ));
    }
    let load = board.loads.iter().find(|load| load.name == clock.name);
    if let Some(load) = load.filter(|load| load.percent >= BUSY_PERCENT) {
        all.push(format!(
            "the {} is busy {:.0} % of the time: take a smaller model, a lower precision or fewer \
             frames",
            part.name(),
            load.percent
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::power::{PartLoad, ThrottleCount};
    use super::super::thermal::ThermalZone;
    use super::*;

    fn board(name: &str, mhz: f64, max_mhz: f64, hardware_mhz: Option<f64>) -> HostPower {
        HostPower {
            model: Some("NVIDIA Jetson Orin Nano".into()),
            clocks: vec![ClockRate {
                name: name.into(),
                mhz,
                max_mhz,
                hardware_mhz,
            }],
            ..HostPower::default()
        }
    }

    fn found(board: &HostPower) -> Vec<String> {
        limits(&HostPower::default(), board)
    }

    #[test]
    fn a_low_clock_is_told_with_its_remedy_and_a_high_one_is_not() {
        let idle = board("17000000.gpu", 306.0, 1300.5, Some(1300.5));
        assert_eq!(found(&idle), ["GPU at 306 of 1300 MHz: run jetson_clocks"]);
        let locked = board("17000000.gpu", 1300.5, 1300.5, Some(1300.5));
        assert_eq!(found(&locked), Vec::<String>::new());
        let pc = HostPower {
            model: None,
            ..board("cpu0", 800.0, 3000.0, None)
        };
        assert!(found(&pc)[0].contains("governor"), "{:?}", found(&pc));
        assert!(found(&board("gpu-nvd-0", 1.0, 1692.0, None)).is_empty());
        assert!(
            found(&board("bwmgr", 665.6, 4266.0, None))[0].starts_with("memory at 666 of 4266")
        );
    }

    #[test]
    fn of_several_cores_the_fastest_counts() {
        let mut cores = board("cpu0", 115.2, 1510.4, None);
        cores.clocks.push(ClockRate {
            name: "cpu1".into(),
            ..board("cpu1", 1500.0, 1510.4, None).clocks[0].clone()
        });
        assert!(found(&cores).is_empty());
    }

    #[test]
    fn a_power_mode_that_allows_less_than_the_hardware_can_is_told() {
        let mut capped = board("17000000.gpu", 624.75, 624.75, Some(1300.5));
        capped.power_mode = Some("15W (pmode:0000)".into());
        let told = found(&capped);
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains("15W") && told[0].contains("625 of 1300 MHz"),
            "{told:?}"
        );
    }

    #[test]
    fn heat_current_and_load_are_told() {
        let mut hot = board("17000000.gpu", 1300.0, 1300.0, None);
        hot.temperatures.push(ThermalZone {
            name: "gpu-thermal".into(),
            temperature_c: 96.0,
            limit_c: Some(99.0),
        });
        let count = |events| ThrottleCount {
            name: "oc3".into(),
            events,
        };
        hot.throttled.push(count(37));
        hot.loads.push(PartLoad {
            name: "17000000.gpu".into(),
            percent: 99.0,
        });
        let before = HostPower {
            throttled: vec![count(30)],
            ..HostPower::default()
        };
        let told = limits(&before, &hot);
        assert!(told[0].contains("gpu-thermal at 96.0 °C"), "{told:?}");
        assert!(
            told[1].contains("(oc3)") && told[1].contains("7 times"),
            "{told:?}"
        );
        assert!(told[2].contains("busy 99 %") && told.len() == 3, "{told:?}");
        // The same count as before is none of this run's.
        assert_eq!(limits(&hot, &hot).len(), 2);
    }
}
