//! A desktop's bus on which nothing is shown and everything is overheard.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a notification may be on its way.
const HEARD_SECONDS_MAX: u64 = 10;

const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A bus with somebody who writes down what is said about notifications.
pub struct Bus {
    daemon: Child,
    listener: Child,
    folder: tempfile::TempDir,
    pub address: String,
}

impl Bus {
    /// Starts one; none where the programs for it are missing.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("bus.conf");
        fs::write(&configuration, CONFIGURATION.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg("--config-file")
            .arg(&configuration)
            .args(["--nofork", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let heard = File::create(folder.path().join("heard")).unwrap();
        let listener = Command::new("dbus-monitor")
            .args(["--address", &address, "interface='org.freedesktop.Notifications'"])
            .stdin(Stdio::null())
            .stdout(heard)
            .stderr(Stdio::null())
            .spawn();
        let Ok(listener) = listener else {
            let _ = daemon.kill();
            let _ = daemon.wait();
            return None;
        };
        let bus = Self { daemon, listener, folder, address };
        // It listens once it has lost its own name.
        bus.until("member=NameLost");
        Some(bus)
    }

    /// Returns all that was to be shown, once anything was.
    pub fn heard(&self) -> String {
        self.until("member=Notify")
    }

    fn until(&self, word: &str) -> String {
        let began = Instant::now();
        let path: PathBuf = self.folder.path().join("heard");
        loop {
            let heard = fs::read_to_string(&path).unwrap_or_default();
            if heard.contains(word) || began.elapsed() > Duration::from_secs(HEARD_SECONDS_MAX) {
                return heard;
            }
            // It tells nobody that it has written something.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        for child in [&mut self.listener, &mut self.daemon] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
