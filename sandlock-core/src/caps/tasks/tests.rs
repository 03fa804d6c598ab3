use std::os::unix::process::parent_id;

use super::members::{Membership, of};

#[test]
fn a_child_of_the_keeper_is_a_member_and_nobody_above_is() {
    let (this, parent) = (std::process::id() as i32, parent_id() as i32);
    // Seen as if this process's parent were a keeper.
    assert_eq!(of(this, parent).unwrap(), Membership::Member);
    assert_eq!(of(parent, parent).unwrap(), Membership::Stranger);
    assert_eq!(of(1, parent).unwrap(), Membership::Stranger);
    assert_eq!(of(this, this).unwrap(), Membership::Stranger);
    assert_eq!(of(i32::MAX, parent).unwrap(), Membership::Nobody);
}

#[test]
fn a_thread_and_a_grandchild_are_members() {
    let parent = parent_id() as i32;
    let thread = std::thread::spawn(move || of(nix::unistd::gettid().as_raw(), parent).unwrap());
    assert_eq!(thread.join().unwrap(), Membership::Member);
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    assert_eq!(of(child.id() as i32, parent).unwrap(), Membership::Member);
    child.kill().unwrap();
    child.wait().unwrap();
}
