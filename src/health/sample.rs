//! What the machine does while something runs on it: readings taken now and then, and their mean.

use super::power::{ClockRate, HostPower, PartLoad, host};
use super::thermal::ThermalZone;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Reads the machine on a thread of its own until it is asked for the mean.
#[derive(Debug)]
pub struct HostSampler {
    end: Sender<()>,
    thread: JoinHandle<Vec<(Instant, HostPower)>>,
}

impl HostSampler {
    /// Reads below `root` at once and then after each `period`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(root: PathBuf, period: Duration) -> io::Result<Self> {
        let (end, ended) = channel();
        let thread = std::thread::Builder::new()
            .name("sample".into())
            .spawn(move || {
                let mut readings = vec![(Instant::now(), host(&root))];
                while ended.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                    readings.push((Instant::now(), host(&root)));
                }
                readings
            })?;
        Ok(Self { end, thread })
    }

    /// Ends the readings and gives the mean of those of the last `stretch`, or the last one alone
    /// where it is shorter than a period; `None` if the thread broke down.
    pub fn finish(self, stretch: Duration) -> Option<HostPower> {
        drop(self.end);
        let readings = self.thread.join().ok()?;
        let of_stretch = readings.partition_point(|(at, _)| at.elapsed() > stretch);
        let from = of_stretch.min(readings.len().saturating_sub(1));
        let kept: Vec<HostPower> = readings
            .into_iter()
            .skip(from)
            .map(|(_, board)| board)
            .collect();
        mean(&kept)
    }
}

/// Clocks and loads are the means of all readings, temperatures the highest, the rest as read last.
/// `None` where there is no reading.
pub fn mean(readings: &[HostPower]) -> Option<HostPower> {
    let last = readings.last()?;
    let average = |values: &dyn Fn(&HostPower) -> Option<f64>| {
        let (sum, n) = readings
            .iter()
            .filter_map(values)
            .fold((0.0, 0u32), |(sum, n), value| (sum + value, n + 1));
        (n > 0).then(|| sum / f64::from(n))
    };
    let clocks = last.clocks.iter().map(|clock| {
        let of = |reading: &HostPower| find(&reading.clocks, &clock.name).map(|clock| clock.mhz);
        ClockRate {
            mhz: average(&of).unwrap_or(clock.mhz),
            ..clock.clone()
        }
    });
    let loads = last.loads.iter().map(|load| {
        let of = |reading: &HostPower| {
            let same = reading.loads.iter().find(|other| other.name == load.name)?;
            Some(same.percent)
        };
        PartLoad {
            percent: average(&of).unwrap_or(load.percent),
            ..load.clone()
        }
    });
    let temperatures = last.temperatures.iter().map(|zone| {
        let highest = readings
            .iter()
            .flat_map(|reading| &reading.temperatures)
            .filter(|other| other.name == zone.name)
            .map(|other| other.temperature_c)
            .fold(zone.temperature_c, f64::max);
        ThermalZone {
            temperature_c: highest,
            ..zone.clone()
        }
    });
    Some(HostPower {
        clocks: clocks.collect(),
        loads: loads.collect(),
        temperatures: temperatures.collect(),
        ..last.clone()
    })
}

fn find<'a>(clocks: &'a [ClockRate], name: &str) -> Option<&'a ClockRate> {
    clocks.iter().find(|clock| clock.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(mhz: f64, percent: f64, temperature_c: f64) -> HostPower {
        HostPower {
            clocks: vec![ClockRate {
                name: "17000000.gpu".into(),
                mhz,
                max_mhz: 1300.0,
                hardware_mhz: None,
            }],
            loads: vec![PartLoad {
                name: "17000000.gpu".into(),
                percent,
            }],
            temperatures: vec![ThermalZone {
                name: "gpu-thermal".into(),
                temperature_c,
                limit_c: None,
            }],
            ..HostPower::default()
        }
    }

    #[test]
    fn clocks_and_loads_are_averaged_and_the_hottest_moment_counts() {
        let readings = [
            reading(300.0, 20.0, 60.0),
            reading(900.0, 80.0, 71.0),
            reading(600.0, 50.0, 65.0),
        ];
        let of_all = mean(&readings).unwrap();
        assert_eq!(of_all, reading(600.0, 50.0, 71.0));
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn readings_are_taken_until_they_are_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/class/devfreq/gpu");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("max_freq"), "1000000000").unwrap();
        std::fs::write(folder.join("cur_freq"), "500000000").unwrap();
        let sampler =
            HostSampler::start(root.path().to_path_buf(), Duration::from_millis(5)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let of_all = sampler.finish(Duration::from_secs(60)).unwrap();
        assert_eq!(
            (of_all.clocks[0].mhz, of_all.clocks[0].max_mhz),
            (500.0, 1000.0)
        );
    }

    #[test]
    fn what_was_read_before_the_stretch_does_not_count() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("sys/class/devfreq/gpu");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("max_freq"), "1000000000").unwrap();
        std::fs::write(folder.join("cur_freq"), "100000000").unwrap();
        let never = Duration::from_secs(3600);
        let sampler = HostSampler::start(root.path().to_path_buf(), never).unwrap();
        // One reading, long ago: it is all there is.
        let of_all = sampler.finish(Duration::ZERO).unwrap();
        assert_eq!(of_all.clocks[0].mhz, 100.0);
    }
}
