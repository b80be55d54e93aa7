"""The server: a gunicorn worker on httptools and `ssl`, from the socket to the WSGI call of an app and back.

One event loop a worker; a request is evaluated on the loop itself. From the bottom: `state` says what a connection may
do next and for how long, `http` reads requests and has their limits, `tls` encrypts, `queue` and `handshakes` share the
loop's time, `wsgi` calls an app, `kept` bounds the connections, `port` is what they share, `connection` is one of them,
`listeners` accept them, `worker` serves, drains and ends, `application` is gunicorn around it.

What is used of the libraries below, and nothing else:

- gunicorn: `app.base.BaseApplication` (`cfg`, `load`, `load_config`), settings, the hooks `when_ready`, `pre_fork`,
  `child_exit` and `worker_int`; `glogging.Logger` (`setup`, `error_log`); `workers.base.Worker` (`run`, `notify`,
  `alive`, `app`, `cfg`, `log`, `pid`, `ppid`, `sockets` with their `sock`, `wsgi`); `arbiter.Arbiter` (`run`, and
  `manage_workers`, which is overridden; `application` says why).
- asyncio: `run`, `get_running_loop`, `BufferedProtocol`, `Event`, `wait_for`, `gather`, `sleep`; of a loop
  `add_reader`, `remove_reader`, `add_signal_handler`, `call_soon`, `call_later`, `connect_accepted_socket`,
  `create_task`, `run_in_executor`, `time`; of a transport `write`, `write_eof`, `close`, `abort`, `is_closing`,
  `pause_reading`, `resume_reading`, `get_write_buffer_size`, `get_extra_info`.
- httptools: `HttpRequestParser` with its callbacks and errors.
- ssl: `SSLContext.wrap_bio`, `MemoryBIO`, and of an `SSLObject` `do_handshake`, `read`, `write`, `pending`, `unwrap`.
"""
