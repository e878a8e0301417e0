//! Which file systems cannot keep the queue's promises: those that are somebody else's disk.
//!
//! The log is shared memory between processes of one machine, and a lock must hold on all of them: over a network
//! neither is so, whatever the mount options say.

use std::path::Path;

/// The network file system that `folder` lies on, by name, as far as this system can tell.
#[cfg(target_os = "linux")]
pub(super) fn network(folder: &Path) -> Option<&'static str> {
    use rustix::fs::{major, minor, stat, statfs};

    let number = statfs(folder).ok()?.f_type as u64 & 0xffff_ffff;
    let device = stat(folder).ok()?.st_dev;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let device = format!("{}:{}", major(device), minor(device));
    network_name(number, mount_type(&mounts, &device))
}

/// The network file system that `folder` lies on: other systems do not tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn network(_folder: &Path) -> Option<&'static str> {
    None
}

/// The type of the mount of `device` (`major:minor`) in a list like `/proc/self/mountinfo`.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "for Linux"))]
fn mount_type<'m>(mounts: &'m str, device: &str) -> Option<&'m str> {
    let mount = mounts
        .lines()
        .find(|line| line.split(' ').nth(2) == Some(device))?;
    mount.split_once(" - ")?.1.split(' ').next()
}

/// The network file system with this number; one in user space is told by the type of its mount.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "for Linux"))]
fn network_name(number: u64, mount: Option<&str>) -> Option<&'static str> {
    if number == FUSE {
        let program = mount?.strip_prefix("fuse.")?;
        let known = REMOTE_PROGRAMS.iter().find(|&&known| known == program);
        return known.copied();
    }
    let known = NETWORKS.iter().find(|&&(known, _)| known == number);
    known.map(|&(_, name)| name)
}

/// From Linux's `magic.h` and the file systems' own headers.
const NETWORKS: [(u64, &str); 13] = [
    (0x0000_517b, "SMB"),
    (0x0000_564c, "NCP"),
    (0x0000_6969, "NFS"),
    (0x00c3_6400, "Ceph"),
    (0x0102_1997, "9p"),
    (0x0116_1970, "GFS2"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x5346_414f, "AFS"),
    (0x7375_7245, "Coda"),
    (0x7461_636f, "OCFS2"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
];

const FUSE: u64 = 0x6573_5546;

/// Programs that show something remote as a folder.
const REMOTE_PROGRAMS: [&str; 16] = [
    "blobfuse",
    "blobfuse2",
    "ceph",
    "ceph-fuse",
    "curlftpfs",
    "davfs",
    "gcsfuse",
    "glusterfs",
    "goofys",
    "juicefs",
    "mountpoint-s3",
    "rclone",
    "s3fs",
    "seaweedfs",
    "smbnetfs",
    "sshfs",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_told_from_a_local_one() {
        let remote = [
            (0x6969, None, "NFS"),
            (0x6969, Some("nfs4"), "NFS"),
            (0x517b, None, "SMB"),
            (0xfe53_4d42, Some("smb3"), "SMB"),
            (0xff53_4d42, Some("cifs"), "CIFS"),
            (0x0102_1997, Some("9p"), "9p"),
            (FUSE, Some("fuse.sshfs"), "sshfs"),
            (FUSE, Some("fuse.glusterfs"), "glusterfs"),
        ];
        for (number, mount, name) in remote {
            assert_eq!(network_name(number, mount), Some(name), "{mount:?}");
        }
        let local = [
            (0xef53, Some("ext4")),
            (0x5846_5342, Some("xfs")),
            (0x9123_683e, Some("btrfs")),
            (0x2fc1_2fc1, Some("zfs")),
            (0x0102_1994, Some("tmpfs")),
            (0x794c_7630, Some("overlay")),
            (FUSE, Some("fuseblk")),
            (FUSE, Some("fuse.ntfs-3g")),
            (FUSE, None),
        ];
        for (number, mount) in local {
            assert_eq!(network_name(number, mount), None, "{mount:?}");
        }
    }

    #[test]
    fn the_type_of_a_mount_is_found_by_its_device() {
        let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                      40 22 0:45 / /mnt/far\\040away rw,nosuid - fuse.sshfs far:/ rw,user_id=0\n\
                      41 22 0:46 / /odd\n";
        assert_eq!(mount_type(mounts, "8:1"), Some("ext4"));
        assert_eq!(mount_type(mounts, "0:45"), Some("fuse.sshfs"));
        assert_eq!(mount_type(mounts, "0:46"), None);
        assert_eq!(mount_type(mounts, "0:4"), None);
    }

    #[test]
    fn the_folder_for_temporary_files_is_local() {
        assert_eq!(network(&std::env::temp_dir()), None);
    }
}
