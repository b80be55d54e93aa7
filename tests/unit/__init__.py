"""Tests in this process: no server, no cluster and no browser, so all of them together take less than a minute."""
