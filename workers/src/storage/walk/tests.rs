//! Folders of known sizes, and what is wrong with folders.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

const TEAM: &str = "0123456789abcdef0123456789abcdef";

fn pace() -> Pace {
    Pace {
        per_second: u32::MAX,
        limit: Duration::from_secs(60),
        turn: 0,
        cancelled: CancellationToken::new(),
        entries: Arc::default(),
    }
}

/// A `DATA_DIR` with these files of these sizes under `storage`.
fn data_dir(files: &[(&str, usize)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, size) in files {
        let path = folder.path().join("storage").join(path.replace("TEAM", TEAM));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; *size]).unwrap();
    }
    folder
}

fn sizes(walked: &Walked) -> Vec<(String, Option<u64>)> {
    let mut sizes: Vec<_> = walked
        .storages
        .iter()
        .map(|storage| (storage.path.to_str().unwrap().replace(TEAM, "TEAM"), storage.size))
        .collect();
    sizes.sort();
    sizes
}

#[test]
fn apparent_sizes_with_hard_links_once_and_no_link_followed() {
    let folder = data_dir(&[
        ("TEAM/database/main/a", 1_000),
        ("TEAM/database/main/deep/er/b", 234),
        ("TEAM/volume/files/c", 5),
        ("TEAM/volume/single", 6),
        ("TEAM/other/not/ours", 1_000_000),
        ("lost+found/x", 1_000_000),
        ("outside", 1_000_000),
    ]);
    let team = folder.path().join("storage").join(TEAM);
    fs::hard_link(team.join("database/main/a"), team.join("database/main/deep/again")).unwrap();
    fs::File::create(team.join("volume/files/sparse")).unwrap().set_len(1 << 30).unwrap();
    symlink("../..", team.join("database/main/up")).unwrap();
    symlink(folder.path().join("storage/outside"), team.join("volume/files/out")).unwrap();
    let walked = walk(folder.path(), pace()).unwrap();
    let link = folder.path().join("storage/outside").as_os_str().len() as u64;
    assert_eq!(
        sizes(&walked),
        [
            ("TEAM/database/main".into(), Some(1_000 + 234 + 5)),
            ("TEAM/volume/files".into(), Some(5 + (1 << 30) + link)),
            ("TEAM/volume/single".into(), Some(6)),
        ]
    );
    assert_eq!((walked.left_out, walked.entries), (Named::default(), 3 + 6 + 3));
}

#[test]
fn links_where_folders_should_be_are_unknown() {
    let folder = data_dir(&[("TEAM/volume/real/a", 1), ("elsewhere/a", 7)]);
    let team = folder.path().join("storage").join(TEAM);
    let elsewhere = folder.path().join("storage/elsewhere");
    symlink(&elsewhere, team.join("volume/linked")).unwrap();
    symlink(&elsewhere, team.join("database")).unwrap();
    symlink(&team, folder.path().join("storage").join("f".repeat(32))).unwrap();
    let walked = walk(folder.path(), pace()).unwrap();
    assert_eq!(
        sizes(&walked),
        [
            ("TEAM/database".into(), None),
            ("TEAM/volume/linked".into(), None),
            ("TEAM/volume/real".into(), Some(1)),
            ("f".repeat(32), None),
        ]
    );
    assert_eq!(walked.left_out.count, 3);
}

#[test]
fn an_empty_folder_and_a_missing_one_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(walk(folder.path(), pace()).unwrap(), Walked::default());
    walk(&folder.path().join("not mounted"), pace()).unwrap_err();
    fs::write(folder.path().join("storage"), "").unwrap();
    walk(folder.path(), pace()).unwrap_err();
}

#[test]
fn entries_that_cannot_be_looked_at_are_named_and_the_rest_counts() {
    let folder = data_dir(&[("TEAM/volume/deep/a", 3)]);
    // Deeper than a path may be long: nobody, root neither, can name what is below.
    let dive = |from: &Path| (0..12).fold(from.to_owned(), |path, _| path.join("d".repeat(250)));
    let upper = dive(&folder.path().join("storage").join(TEAM).join("volume/deep"));
    let lower = folder.path().join("lower");
    fs::create_dir_all(&upper).unwrap();
    fs::create_dir_all(dive(&lower)).unwrap();
    fs::write(dive(&lower).join("hidden"), "hidden").unwrap();
    fs::rename(&lower, upper.join("lower")).unwrap();
    let walked = walk(folder.path(), pace()).unwrap();
    assert_eq!(sizes(&walked), [("TEAM/volume/deep".into(), Some(3))]);
    assert_eq!(walked.left_out.count, 1);
    assert!(walked.left_out.first[0].contains("too long"), "{:?}", walked.left_out);
}

#[test]
fn a_walk_keeps_its_pace_and_its_limit() {
    let files: Vec<_> = (0..50).map(|number| format!("TEAM/volume/v{}/{number}", number % 2)).collect();
    let files: Vec<_> = files.iter().map(|path| (path.as_str(), 1)).collect();
    let folder = data_dir(&files);
    let begun = Instant::now();
    let walked = walk(folder.path(), Pace { per_second: 260, ..pace() }).unwrap();
    assert_eq!(walked.entries, 52);
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());

    let slow = Pace { per_second: 1, limit: Duration::from_millis(100), ..pace() };
    let walked = walk(folder.path(), slow).unwrap();
    assert_eq!(walked.storages.len(), 2, "they are named all the same");
    assert!(walked.storages.iter().all(|storage| storage.size.is_none()));
    assert_eq!((walked.left_out.count, walked.out_of_time.first), (0, vec![TEAM.to_owned()]));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_walk_ends_when_nobody_waits_any_more() {
    let folder = data_dir(&[("TEAM/volume/v/a", 1), ("TEAM/volume/v/b", 1)]);
    let cancelled = CancellationToken::new();
    let slow = Pace { per_second: 1, cancelled: cancelled.clone(), ..pace() };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let walking = scope.spawn(|| walk(folder.path(), slow));
        cancelled.cancel();
        walking.join().unwrap().unwrap();
    });
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// Teams 1, 2 and 3 of which each has a storage, and one of them far too many files for the time.
fn sized_in_time(large: usize, turn: u64) -> Vec<bool> {
    let teams = [1, 2, 3].map(|team: usize| team.to_string().repeat(32));
    let files = |team: usize| if team == large { 5_000 } else { 3 };
    let of = |team: usize| (0..files(team)).map(move |file| (team, file));
    let files: Vec<_> =
        (0..3).flat_map(of).map(|(team, file)| format!("{}/volume/v/{file}", teams[team])).collect();
    let folder = data_dir(&files.iter().map(|path| (path.as_str(), 1)).collect::<Vec<_>>());
    let short = Pace { per_second: 500, limit: Duration::from_secs(2), turn, ..pace() };
    let walked = walk(folder.path(), short).unwrap();
    assert_eq!(walked.out_of_time.first, [teams[large].clone()]);
    let size = |team: &String| {
        let own = walked.storages.iter().find(|storage| storage.team.to_string() == *team).unwrap();
        own.size.is_some()
    };
    teams.iter().map(size).collect()
}

#[test]
fn a_team_that_has_too_much_leaves_time_for_the_others() {
    assert_eq!(sized_in_time(0, 0), [false, true, true]);
    assert_eq!(sized_in_time(2, 2), [true, true, false], "the third is the first one's turn");
}

/// What is a folder when it is listed and a link to another team's when it is opened.
#[test]
fn a_folder_that_becomes_a_link_is_not_followed() {
    let folder = data_dir(&[("TEAM/volume/v/own/a", 1), ("OTHER/volume/secret/b", 1_000_000)]);
    let root = Folder::named(&folder.path().join("storage")).unwrap();
    let volume = folder.path().join("storage").join(TEAM).join("volume");
    let own = Path::new(TEAM).join("volume/v/own");
    root.open(&own).unwrap();
    for (name, path) in [("v/own", own.clone()), ("v", own)] {
        let place = volume.join(name);
        fs::remove_dir_all(&place).unwrap();
        symlink(folder.path().join("storage/OTHER/volume"), &place).unwrap();
        let error = root.open(&path).map(drop).unwrap_err();
        assert!(error.to_string().contains("links are not followed"), "{name}: {error}");
        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
    }
}
