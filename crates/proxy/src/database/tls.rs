//! TLS towards a database: what is checked of its certificate, and the certificate that is shown to it.
