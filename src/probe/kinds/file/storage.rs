//! The kind of a file system, and whether the device below it is encrypted. Blocking.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor, statfs};

/// By the number the kernel gives; see `statfs(2)`.
const KINDS: &[(u64, &str)] = &[
    (0xef53, "ext"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "zfs"),
    (0x6969, "nfs"),
    (0xff53_4d42, "cifs"),
    (0x6573_5546, "fuse"),
    (0x00c3_6400, "ceph"),
    (0x794c_7630, "overlay"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
];
/// Devices below devices are followed so far.
const DEPTH: usize = 8;

pub(super) fn kind(path: &Path) -> io::Result<String> {
    // The type differs between machines; it is a number of 32 bits everywhere.
    let number = u64::from(statfs(path)?.f_type as u32);
    let name = KINDS.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned());
    Ok(name.unwrap_or_else(|| format!("{number:#x}")))
}

/// Whether the device is made by dm-crypt, or lies wholly on such devices. None where there is no
/// device to be seen, as under an overlay or on the network.
pub(super) fn encrypted(path: &Path) -> Option<bool> {
    let device = fs::metadata(path).ok()?.dev();
    on(&fs::canonicalize(format!("/sys/dev/block/{}:{}", major(device), minor(device))).ok()?, DEPTH)
}

fn on(device: &Path, depth: usize) -> Option<bool> {
    let uuid = fs::read_to_string(device.join("dm/uuid")).unwrap_or_default();
    if uuid.starts_with("CRYPT-") {
        return Some(true);
    }
    let below: Vec<_> = fs::read_dir(device.join("slaves")).into_iter().flatten().flatten().collect();
    if depth == 0 {
        return None;
    }
    if below.is_empty() {
        // A partition lists what lies below with its disk, and a disk below nothing is plain.
        return if device.join("partition").exists() { on(device.parent()?, depth - 1) } else { Some(false) };
    }
    below
        .iter()
        .map(|entry| on(&fs::canonicalize(entry.path()).ok()?, depth - 1))
        .try_fold(true, |all, one| Some(all && one?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_looked_through() {
        let sys = tempfile::tempdir().unwrap();
        let device = |name: &str, uuid: &str, below: &[&str]| {
            let path = sys.path().join(name);
            fs::create_dir_all(path.join("dm")).unwrap();
            fs::create_dir_all(path.join("slaves")).unwrap();
            fs::write(path.join("dm/uuid"), uuid).unwrap();
            for other in below {
                std::os::unix::fs::symlink(sys.path().join(other), path.join("slaves").join(other)).unwrap();
            }
            path
        };
        let plain = device("sda", "", &[]);
        let luks = device("dm-0", "CRYPT-LUKS2-1", &["sda"]);
        let volume = device("dm-1", "LVM-1", &["dm-0"]);
        let mixed = device("dm-2", "LVM-2", &["dm-0", "sda"]);
        assert_eq!([plain, luks, volume, mixed].map(|path| on(&path, DEPTH)), [false, true, true, false].map(Some));
        let part = device("dm-0/dm-0p1", "", &[]);
        fs::write(part.join("partition"), "1").unwrap();
        assert_eq!(on(&part, DEPTH), Some(true), "of an encrypted disk");
        assert_eq!(on(&part, 0), None);
        assert_eq!(encrypted(Path::new("/proc")), None);
    }

    #[test]
    fn kinds_have_names() {
        assert_eq!(kind(Path::new("/dev/shm")).unwrap(), "tmpfs");
        assert_eq!(kind(Path::new("/proc")).unwrap(), "0x9fa0");
    }
}
