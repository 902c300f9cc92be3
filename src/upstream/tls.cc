// SPDX-License-Identifier: Apache-2.0
// The adapter of OpenSSL.
#include "upstream/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <utility>

namespace upstream {
namespace {

std::string LastError() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown error" : reason;
}

base::Error TlsError(const char* what) {
  return {base::ErrorKind::kIo, std::string(what) + ": " + LastError()};
}

class TlsStream final : public Stream {
 public:
  TlsStream(base::UniqueFd socket, SSL* ssl, std::string alpn)
      : socket_(std::move(socket)), ssl_(ssl), alpn_(std::move(alpn)) {}
  ~TlsStream() override { SSL_free(ssl_); }
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  int fd() const override { return socket_.get(); }

  base::Result<Io> Handshake() override {
    ERR_clear_error();
    const int result = SSL_connect(ssl_);
    if (result != 1) {
      const long verdict = SSL_get_verify_result(ssl_);
      if (verdict != X509_V_OK) {
        return base::Fail(base::ErrorKind::kDenied, std::string("the resolver's certificate is refused: ") +
                                                        X509_verify_cert_error_string(verdict));
      }
      const base::Result<IoResult> state = Judge(result, "TLS handshake with a resolver");
      if (!state) return std::unexpected(state.error());
      return state->state;
    }
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_, &chosen, &length);
    if (alpn_ == "h2" && std::string_view(reinterpret_cast<const char*>(chosen), length) != alpn_) {
      return base::Fail(base::ErrorKind::kUnavailable, "the resolver does not offer HTTP/2");
    }
    return Io::kDone;
  }
  base::Result<IoResult> Read(std::span<char> buffer) override {
    ERR_clear_error();
    const int got = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (got > 0) return IoResult{Io::kDone, static_cast<std::size_t>(got)};
    return Judge(got, "reading from a resolver by TLS");
  }
  base::Result<IoResult> Write(std::string_view bytes) override {
    ERR_clear_error();
    const int sent = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (sent > 0) return IoResult{Io::kDone, static_cast<std::size_t>(sent)};
    return Judge(sent, "writing to a resolver by TLS");
  }

 private:
  base::Result<IoResult> Judge(int result, const char* what) {
    switch (SSL_get_error(ssl_, result)) {
      case SSL_ERROR_WANT_READ: return IoResult{Io::kWantRead};
      case SSL_ERROR_WANT_WRITE: return IoResult{Io::kWantWrite};
      case SSL_ERROR_ZERO_RETURN: return IoResult{Io::kClosed};
      default: return std::unexpected(TlsError(what));
    }
  }

  base::UniqueFd socket_;
  SSL* ssl_;
  std::string alpn_;
};

// How many certificates of `pem` were added.
int AddCertificates(X509_STORE* store, std::string_view pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  if (bio == nullptr) return 0;
  int added = 0;
  // A block that does not parse ends the reading of its own lines only; the end of the text gives PEM_R_NO_START_LINE.
  for (;;) {
    X509* certificate = PEM_read_bio_X509_AUX(bio, nullptr, nullptr, nullptr);
    if (certificate != nullptr) {
      added += X509_STORE_add_cert(store, certificate);
      X509_free(certificate);
    } else if (BIO_eof(bio) || ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
      break;
    }
    ERR_clear_error();
  }
  ERR_clear_error();
  BIO_free(bio);
  return added;
}

}  // namespace

base::Result<TlsContext> TlsContext::Create(std::string_view certificates) {
  // No configuration file: there is none to read, and it could not be trusted to say what this file says.
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  SSL_CTX* made = SSL_CTX_new(TLS_client_method());
  if (made == nullptr) return std::unexpected(TlsError("preparing TLS"));
  TlsContext context(made);
  SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
  SSL_CTX_set_options(made, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(made, SSL_VERIFY_PEER, nullptr);
  if (AddCertificates(SSL_CTX_get_cert_store(made), certificates) == 0) {
    return base::Fail(base::ErrorKind::kInvalid, "the file of trusted authorities holds no certificate");
  }
  return context;
}

TlsContext::TlsContext(TlsContext&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
TlsContext::~TlsContext() { SSL_CTX_free(context_); }

base::Result<std::unique_ptr<Stream>> TlsContext::Connect(base::UniqueFd socket, const TlsIdentity& identity) const {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return std::unexpected(TlsError("preparing a TLS connection"));
  const int fd = socket.get();
  auto stream = std::make_unique<TlsStream>(std::move(socket), ssl, identity.alpn);
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool by_name = !identity.name.empty();
  int good = by_name ? X509_VERIFY_PARAM_set1_host(parameters, identity.name.c_str(), 0) &&
                           SSL_set_tlsext_host_name(ssl, identity.name.c_str())
                     : X509_VERIFY_PARAM_set1_ip_asc(parameters, identity.address.c_str());
  const std::size_t alpn_size = std::strlen(identity.alpn);
  if (good == 1 && alpn_size > 0) {
    std::string list(1, static_cast<char>(alpn_size));
    list += identity.alpn;
    // Contrary to its neighbours this one gives 0 for success.
    good = SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(list.data()),
                               static_cast<unsigned>(list.size())) == 0;
  }
  if (good != 1 || SSL_set_fd(ssl, fd) != 1) return std::unexpected(TlsError("preparing a TLS connection"));
  return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace upstream
