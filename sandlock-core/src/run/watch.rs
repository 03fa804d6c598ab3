//! One descriptor for everything that a run waits for.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use crate::error::{Error, Result};
use crate::sys::descriptor::above_stdio;

/// An epoll(7) descriptor, which is readable when one of those that it looks at has something to say.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Arc<Epoll>);

/// What one of them may say.
#[derive(Clone, Copy)]
pub(crate) enum Interest {
    Readable,
    Writable,
}

impl Watch {
    pub(crate) fn new() -> Result<Watch> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(|errno| Error::io("epoll_create1(EPOLL_CLOEXEC)", errno as i32))?;
        Ok(Watch(Arc::new(Epoll(above_stdio(epoll.0)?))))
    }

    pub(crate) fn add(&self, fd: BorrowedFd, interest: Interest) -> Result<()> {
        let flags = match interest {
            Interest::Readable => EpollFlags::EPOLLIN,
            Interest::Writable => EpollFlags::EPOLLOUT,
        };
        self.0
            .add(fd, EpollEvent::new(flags, 0))
            .map_err(|errno| Error::io("epoll_ctl(EPOLL_CTL_ADD)", errno as i32))
    }

    /// Before it is closed: a process that was forked has a copy, which would be looked at for ever.
    pub(crate) fn remove(&self, fd: BorrowedFd) -> Result<()> {
        self.0.delete(fd).map_err(|errno| Error::io("epoll_ctl(EPOLL_CTL_DEL)", errno as i32))
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.0.as_fd()
    }
}
