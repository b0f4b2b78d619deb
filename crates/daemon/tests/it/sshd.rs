//! A real OpenSSH server that trusts the house's user CA and shows a host certificate of its host CA.

use crate::house::House;
use crate::reserved::Reserved;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The file of the authorities it trusts, which it reads for every connection.
const USER_CA: &str = "user_ca.pub";

pub(crate) struct Sshd {
    child: Child,
    dir: PathBuf,
    _port: Reserved,
}

impl Sshd {
    /// Starts one and makes it known to the house as `name` with `labels`.
    pub(crate) fn start(house: &House, name: &str, labels: &str) -> Self {
        let dir = house.dir.path().join(format!("sshd-{name}"));
        std::fs::create_dir_all(&dir).unwrap();
        let key = dir.join("host");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&key)
            .status()
            .unwrap();
        assert!(made.success());
        let port = Reserved::port();
        let addr = port.address();
        let public = dir.join("host.pub").display().to_string();
        house
            .tctl(&[
                "nodes",
                "add",
                name,
                "--addr",
                &addr.to_string(),
                "--labels",
                labels,
                "--sign-host-key",
                &public,
            ])
            .ok();
        let trusted = house.tctl(&["auth", "export", "--type", "ssh-user"]).ok().out;
        std::fs::write(dir.join(USER_CA), trusted).unwrap();
        let config = dir.join("sshd_config");
        let text = format!(
            "ListenAddress {addr}\nHostKey {key}\nHostCertificate {key}-cert.pub\nTrustedUserCAKeys {dir}/user_ca.pub\n\
             AuthorizedKeysFile none\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nPermitRootLogin yes\nUseDNS no\nPrintMotd no\nPrintLastLog no\nAcceptEnv LANG\n\
             Subsystem sftp internal-sftp\n",
            key = key.display(),
            dir = dir.display(),
        );
        std::fs::write(&config, text).unwrap();
        let _ = std::fs::create_dir_all("/run/sshd");
        let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|path| Path::new(path).exists())
            .expect("sshd is missing: make test installs it");
        let mut child = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "sshd ended by itself");
            if line.contains("listening on") {
                break;
            }
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, dir, _port: port }
    }
}

impl Sshd {
    /// Trusts these user authorities, one a line, from the next connection on.
    pub(crate) fn trust(&self, authorities: &str) {
        std::fs::write(self.dir.join(USER_CA), authorities).unwrap();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
