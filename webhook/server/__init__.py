"""The server: a gunicorn worker on httptools and `ssl`, from the socket to the WSGI call of an app and back.

Each worker runs one event loop. In a turn of the loop it reads what clients sent, evaluates the complete requests one
after the other, and then sends their answers. The modules, from the bottom:

- `wsgi` and `http`: the call of an app, and the parser of requests with its limits.
- `capacity`: when to evaluate a request or continue a handshake, and which connections to keep.
- `state`: the states of a connection with their timeouts, and what the connections of a port share.
- `connection` and `tls`: one connection, plain or with TLS.
- `worker` and `application`: a gunicorn worker, and gunicorn around it.

The server uses only these parts of the libraries:

- gunicorn: `app.base.BaseApplication` (`cfg`, `load`, `load_config`), settings, the hooks `when_ready`, `pre_fork`,
  `child_exit` and `worker_int`; `glogging.Logger` (`setup`, `error_log`); `workers.base.Worker` (`run`, `notify`,
  `alive`, `app`, `cfg`, `log`, `pid`, `ppid`, `sockets` with their `sock`, `wsgi`); `arbiter.Arbiter` (`run`, and
  `manage_workers`, which is overridden; `application` explains why).
- asyncio: `run`, `get_running_loop`, `BufferedProtocol`, `Event`, `wait_for`, `gather`, `sleep`; of a loop
  `add_reader`, `remove_reader`, `add_signal_handler`, `call_soon`, `call_later`, `connect_accepted_socket`,
  `create_task`, `run_in_executor`, `shutdown_default_executor`, `time`; of a transport `write`, `write_eof`, `close`,
  `abort`, `is_closing`, `pause_reading`, `resume_reading`, `get_write_buffer_size`, `get_extra_info`.
- httptools: `HttpRequestParser` with its callbacks and errors.
- ssl: `SSLContext.wrap_bio`, `MemoryBIO`, and of an `SSLObject` `do_handshake`, `read`, `write`, `pending`, `unwrap`.
"""
