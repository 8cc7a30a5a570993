//! PostgreSQL's errors in words, with a hint where a certificate was rejected.

use rustls::CertificateError;

/// Formats an error of the driver with its causes, and for a TLS error what to do about it.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut hint = None;
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        hint = hint.or_else(|| certificate_hint(cause));
        source = cause.source();
    }
    match hint {
        Some(hint) => format!("{text} ({hint})"),
        None => text,
    }
}

fn certificate_hint(cause: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let cause = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    let rustls::Error::InvalidCertificate(fault) = cause.downcast_ref::<rustls::Error>()? else {
        return None;
    };
    Some(match fault {
        // The second occurs if an unknown authority has the name of a known one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the certificate of PostgreSQL's server is from an unknown authority: name that authority's file in \
             PORTCULLIS_DATABASE_CA_FILE"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate of PostgreSQL's server is for another host name than DATABASE_URL's"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate of PostgreSQL's server has expired"
        }
        _ => "the certificate of PostgreSQL's server is not accepted",
    })
}
