//! How a run ended, as the one object that every surface gives out.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Output, Usage};
use crate::error::HandlerError;

/// The format; keys can be added to it.
const VERSION: u32 = 1;

/// One object with the keys `v`, `exit_code`, `signal`, `reason`, `usage`, `enforcement`,
/// `stdout_dropped` and `stderr_dropped` in bytes, `handler_errors` and `handler_errors_dropped`.
/// What was captured is not in it: it is bytes, which JSON cannot hold.
impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Output", 10)?;
        object.serialize_field("v", &VERSION)?;
        object.serialize_field("exit_code", &self.code())?;
        object.serialize_field("signal", &self.signal())?;
        object.serialize_field("reason", &self.reason())?;
        object.serialize_field("usage", &self.usage())?;
        object.serialize_field("enforcement", self.enforcement())?;
        object.serialize_field("stdout_dropped", &self.stdout_dropped())?;
        object.serialize_field("stderr_dropped", &self.stderr_dropped())?;
        object.serialize_field("handler_errors", self.handler_errors())?;
        object.serialize_field("handler_errors_dropped", &self.handler_errors_dropped())?;
        object.end()
    }
}

/// `wall`, `user` and `system` in seconds, `peak_memory` in bytes or null.
impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Usage", 4)?;
        object.serialize_field("wall", &self.wall.as_secs_f64())?;
        object.serialize_field("user", &self.user.as_secs_f64())?;
        object.serialize_field("system", &self.system.as_secs_f64())?;
        object.serialize_field("peak_memory", &self.peak_memory)?;
        object.end()
    }
}

/// `syscall` by name, `handler` and `message`.
impl Serialize for HandlerError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("HandlerError", 3)?;
        object.serialize_field("syscall", self.syscall.name())?;
        object.serialize_field("handler", &self.handler)?;
        object.serialize_field("message", &self.message)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Captured, Parts, Reason};
    use super::*;
    use crate::host::Host;
    use crate::plan::Enforcement;
    use crate::syscall::Syscall;
    use std::sync::Arc;
    use std::time::Duration;

    fn output(status: i32, reason: Reason, handler_errors: Vec<HandlerError>) -> Output {
        Output(Arc::new(Parts {
            status,
            reason,
            captured: [(b"kept\xff".to_vec(), 3), (Vec::new(), 4)].map(Captured::new),
            usage: Usage {
                wall: Duration::from_millis(1500),
                user: Duration::from_micros(250),
                system: Duration::ZERO,
                peak_memory: Some(8192),
            },
            enforcement: Enforcement::new(&Host::fake(7)),
            handler_errors,
            handler_errors_dropped: 5,
        }))
    }

    #[test]
    fn every_key_has_its_place_and_form() {
        let error = HandlerError {
            syscall: Syscall::OPENAT,
            handler: "judge".into(),
            message: "it \"broke\"".into(),
            cause: None,
        };
        let output = output(7 << 8, Reason::Exited, vec![error]);
        assert_eq!(
            serde_json::to_string(&output).unwrap(),
            concat!(
                r#"{"v":1,"exit_code":7,"signal":null,"reason":"exited","#,
                r#""usage":{"wall":1.5,"user":0.00025,"system":0.0,"peak_memory":8192},"#,
                r#""enforcement":{"landlock_abi":7,"enforced":[],"degraded":[],"weakened":[]},"#,
                r#""stdout_dropped":3,"stderr_dropped":4,"#,
                r#""handler_errors":[{"syscall":"openat","handler":"judge","#,
                r#""message":"it \"broke\""}],"handler_errors_dropped":5}"#,
            )
        );
    }

    #[test]
    fn each_way_to_end_has_its_name_and_number() {
        for (status, reason, code, signal, name) in [
            (0, Reason::Exited, Some(0), None, "exited"),
            (libc::SIGTERM, Reason::Signaled, None, Some(15), "signaled"),
            (libc::SIGKILL, Reason::Timeout, None, Some(9), "timeout"),
            (libc::SIGKILL, Reason::Killed, None, Some(9), "killed"),
        ] {
            let json = serde_json::to_value(output(status, reason, Vec::new())).unwrap();
            let end = serde_json::json!([code, signal, name]);
            assert_eq!(serde_json::json!([json["exit_code"], json["signal"], json["reason"]]), end);
        }
    }

    #[test]
    fn a_peak_that_is_not_known_is_null() {
        let json = serde_json::to_value(Usage::default()).unwrap();
        assert_eq!(json["peak_memory"], serde_json::Value::Null);
    }
}
