//! A Dovecot and a Postfix of a test's own, with accounts in one folder: what Postfix delivers, Dovecot shows.
//!
//! They listen on this machine alone, on ports that the kernel has just given, know every account of
//! `example.org` and `example.com`, whose password is [`PASSWORD`], and can send nothing anywhere else.
//! Both need root to start; where they or root are missing, a test says that it is skipped.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mail_parser::{Message, MessageParser};
use tempfile::TempDir;

/// The password of every account.
pub const PASSWORD: &str = "correct-horse-battery";

/// Who the mails belong to on the disk.
const NOBODY: u32 = 65534;

/// How long a server may take to start.
const START: Duration = Duration::from_secs(30);

/// How often other ports are tried, where another process was quicker.
const TRIES: usize = 4;

/// Both servers.
pub struct Servers {
    folder: TempDir,
    pub ports: Ports,
}

/// Where they listen.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub imap: u16,
    pub imaps: u16,
    pub smtp: u16,
    pub smtps: u16,
}

/// A mail as it lies in an account.
pub struct Stored {
    pub bytes: Vec<u8>,
    /// The letters of its flags.
    pub flags: String,
}

impl Stored {
    pub fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(&self.bytes).unwrap()
    }

    /// A header by its name, unfolded.
    pub fn header(&self, name: &str) -> String {
        let parsed = self.parsed();
        parsed.header_raw(name).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Servers {
    /// Starts both, or says why not.
    pub fn start() -> Option<Self> {
        if let Some(why) = missing() {
            println!("skipped: {why}");
            return None;
        }
        for _ in 0..TRIES {
            if let Some(servers) = Self::try_start() {
                return Some(servers);
            }
        }
        panic!("the servers do not start");
    }

    fn try_start() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("mail-").tempdir().unwrap();
        // Their own users must get to the mails.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let [imap, imaps, smtp, smtps] = free_ports();
        let servers = Self { folder, ports: Ports { imap, imaps, smtp, smtps } };
        servers.make_certificates();
        servers.write_configuration();
        for account in ["sam", "ada", "kim"] {
            servers.make_account(account);
        }
        let root = servers.root();
        quiet(Command::new("dovecot").arg("-c").arg(root.join("dovecot.conf")));
        quiet(Command::new("postfix").arg("-c").arg(root.join("postfix")).arg("start"));
        let all = [imap, imaps, smtp, smtps];
        let begun = Instant::now();
        while begun.elapsed() < START {
            if all.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
                return Some(servers);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("{}", fs::read_to_string(root.join("dovecot.log")).unwrap_or_default());
        println!("{}", fs::read_to_string(root.join("postfix.log")).unwrap_or_default());
        None
    }

    /// The folder of everything.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate of the authority that vouches for both.
    pub fn ca_file(&self) -> PathBuf {
        self.root().join("ca.pem")
    }

    /// A folder of an account; `INBOX` is the account's own.
    pub fn maildir(&self, account: &str, folder: &str) -> PathBuf {
        let home = self.root().join("home").join(account).join("Maildir");
        if folder == "INBOX" { home } else { home.join(format!(".{folder}")) }
    }

    /// Makes an account with an inbox and a folder for sent mail.
    pub fn make_account(&self, account: &str) {
        for folder in ["INBOX", "Sent"] {
            for part in ["new", "cur", "tmp"] {
                fs::create_dir_all(self.maildir(account, folder).join(part)).unwrap();
            }
        }
        let home = self.root().join("home");
        quiet(Command::new("chown").arg("-R").arg(format!("{NOBODY}:{NOBODY}")).arg(home));
    }

    /// Puts a mail into a folder, as if it had just come.
    pub fn put(&self, account: &str, folder: &str, name: &str, bytes: &[u8]) {
        let maildir = self.maildir(account, folder);
        let (tmp, new) = (maildir.join("tmp").join(name), maildir.join("new").join(name));
        fs::write(&tmp, bytes).unwrap();
        chown(&tmp, Some(NOBODY), Some(NOBODY)).unwrap();
        fs::rename(tmp, new).unwrap();
    }

    /// All mails of a folder, in the order of their files' names.
    pub fn mails(&self, account: &str, folder: &str) -> Vec<Stored> {
        let mut paths: Vec<PathBuf> = ["new", "cur"]
            .iter()
            .filter_map(|part| fs::read_dir(self.maildir(account, folder).join(part)).ok())
            .flatten()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        let stored = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?;
            let flags = name.rsplit_once(":2,").map_or("", |(_, flags)| flags).to_owned();
            // A mail program may just have renamed it; then it is read by whoever looks next.
            Some(Stored { bytes: fs::read(path).ok()?, flags })
        };
        paths.iter().filter_map(stored).collect()
    }

    /// Waits until a folder holds this many mails, and returns them.
    #[track_caller]
    pub fn wait_for(&self, account: &str, folder: &str, count: usize) -> Vec<Stored> {
        let begun = Instant::now();
        loop {
            let mails = self.mails(account, folder);
            if mails.len() >= count {
                return mails;
            }
            let log = || fs::read_to_string(self.root().join("postfix.log")).unwrap_or_default();
            assert!(
                begun.elapsed() < START,
                "{} of {count} in {folder} of {account}\n{}",
                mails.len(),
                log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until Postfix has nothing left to deliver: then nothing that it took is still to come.
    pub fn wait_until_delivered(&self) {
        let begun = Instant::now();
        loop {
            let queue =
                Command::new("postqueue").arg("-c").arg(self.root().join("postfix")).arg("-p").output();
            if String::from_utf8_lossy(&queue.unwrap().stdout).contains("queue is empty") {
                return;
            }
            assert!(begun.elapsed() < START, "the queue is not empty");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Makes a folder's messages get other numbers, as after it was restored from a backup.
    pub fn forget_numbers(&self, account: &str, folder: &str) {
        for entry in fs::read_dir(self.maildir(account, folder)).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("dovecot") && entry.path().is_file() {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// The number that says that a folder is still the same one.
    pub fn uid_validity(&self, account: &str, folder: &str) -> String {
        let list = fs::read_to_string(self.maildir(account, folder).join("dovecot-uidlist")).unwrap();
        list.split_whitespace().find_map(|word| word.strip_prefix('V')).unwrap().to_owned()
    }

    fn make_certificates(&self) {
        let root = self.root();
        let openssl = |arguments: &str| {
            quiet(Command::new("openssl").args(arguments.split(' ')).current_dir(root));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 3650 -subj /CN=Test"));
        openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
        fs::write(root.join("names"), "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n").unwrap();
        openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile names -out server.pem",
        );
    }

    fn write_configuration(&self) {
        let root = self.root();
        let Ports { imap, imaps, smtp, smtps } = self.ports;
        let fill = |text: &str| text.replace("@DIR@", &root.display().to_string());
        let dovecot = format!(
            r#"base_dir = @DIR@/run
state_dir = @DIR@/state
log_path = @DIR@/dovecot.log
instance_name = @DIR@
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <@DIR@/server.pem
ssl_key = <@DIR@/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:@DIR@/home/%n/Maildir
mail_fsync = never
first_valid_uid = 1
mail_uid = {NOBODY}
mail_gid = {NOBODY}
default_internal_user = dovecot
default_login_user = dovenull
auth_failure_delay = 0 secs
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service auth {{
  unix_listener @DIR@/auth {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={NOBODY} gid={NOBODY} home=@DIR@/home/%n
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
"#
        );
        fs::write(root.join("dovecot.conf"), fill(&dovecot)).unwrap();

        let main = r#"compatibility_level = 3.6
queue_directory = @DIR@/queue
data_directory = @DIR@/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = test.invalid
mydestination =
mynetworks = 127.0.0.0/8
default_transport = error:outbound mail is off here
relay_transport = error:outbound mail is off here
virtual_mailbox_domains = example.org, example.com
virtual_mailbox_base = @DIR@/home
virtual_mailbox_maps = texthash:@DIR@/postfix/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 1
maillog_file = @DIR@/postfix.log
maillog_file_prefixes = /
alias_maps =
alias_database =
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = @DIR@/auth
smtpd_tls_security_level = may
smtpd_tls_cert_file = @DIR@/server.pem
smtpd_tls_key_file = @DIR@/server.key
smtpd_client_connection_count_limit = 0
smtpd_recipient_restrictions = check_recipient_access texthash:@DIR@/postfix/recipients, permit_sasl_authenticated, permit_mynetworks, reject
smtpd_end_of_data_restrictions = check_recipient_access texthash:@DIR@/postfix/ends
header_checks = regexp:@DIR@/postfix/headers
smtputf8_enable = no
"#;
        // No service in a chroot: there is none, and `smtps` begins with TLS.
        let master = format!(
            "127.0.0.1:{smtp} inet n - n - - smtpd\n127.0.0.1:{smtps} inet n - n - - smtpd\n  \
             -o smtpd_tls_wrappermode=yes\n{}",
            "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
             tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
             verify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\nproxymap unix - - n - - proxymap\n\
             showq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\n\
             virtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n\
             postlog unix-dgram n - n - 1 postlogd\n"
        );
        let mailboxes: String = ["sam@example.com sam", "ada@example.org ada", "kim@example.org kim"]
            .iter()
            .chain(&["slow@example.org ada", "later@example.org ada"])
            .map(|line| format!("{line}/Maildir/\n"))
            .collect();
        fs::create_dir_all(root.join("queue")).unwrap();
        fs::create_dir_all(root.join("data")).unwrap();
        quiet(Command::new("chown").arg("postfix").arg(root.join("data")));
        let postfix = root.join("postfix");
        fs::create_dir_all(&postfix).unwrap();
        for (name, text) in [
            ("main.cf", main),
            ("master.cf", &master),
            ("mailboxes", &mailboxes),
            ("recipients", "later@example.org 450 4.2.1 the mailbox is busy\n"),
            ("ends", "slow@example.org 451 4.3.0 not now\n"),
            ("headers", "/^Subject:.*unwanted/ REJECT we do not want this\n"),
        ] {
            fs::write(postfix.join(name), fill(text)).unwrap();
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let root = self.root();
        quiet(Command::new("doveadm").arg("-c").arg(root.join("dovecot.conf")).arg("stop"));
        quiet(Command::new("postfix").arg("-c").arg(root.join("postfix")).arg("stop"));
    }
}

/// Says what is missing to start them.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("Dovecot and Postfix are started by root only".to_owned());
    }
    let there = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    };
    let gone: Vec<&str> =
        ["dovecot", "postfix", "openssl"].into_iter().filter(|program| !there(program)).collect();
    (!gone.is_empty()).then(|| format!("{} not found", gone.join(", ")))
}

/// Ports that nobody has just now.
fn free_ports<const N: usize>() -> [u16; N] {
    // All at once, so that no two are the same.
    let held: Vec<TcpListener> = (0..N).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    std::array::from_fn(|index| held[index].local_addr().unwrap().port())
}

/// Runs a command that may leave a server behind, which would hold a pipe open: its words go nowhere.
fn quiet(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    if !status.success() {
        println!("{command:?}: {status}");
    }
}
