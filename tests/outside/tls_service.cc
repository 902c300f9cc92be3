// SPDX-License-Identifier: Apache-2.0
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "services.h"

namespace outside {
namespace {

SSL_CTX* g_context = nullptr;

int AnyCertificate(int, X509_STORE_CTX*) { return 1; }

bool UseOwnCertificate(SSL_CTX* context) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  if (key == nullptr || certificate == nullptr) return false;
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_version(certificate, 2);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("outside"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  const bool done = X509_sign(certificate, key, EVP_sha256()) != 0 &&
                    SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  return done;
}

class TlsStream final : public Stream {
 public:
  explicit TlsStream(SSL* tls) : tls_(tls) {}
  long Read(char* buffer, std::size_t size) override { return SSL_read(tls_, buffer, static_cast<int>(size)); }
  bool Write(const std::string& bytes) override {
    return SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
  }

 private:
  SSL* tls_;
};

// The first record, whole, left in the socket.
std::string PeekRecord(int fd) {
  std::string bytes(20000, '\0');
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  for (;;) {
    const long count = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK);
    if (count <= 0) return {};
    const auto have = static_cast<std::size_t>(count);
    const std::size_t need =
        have < 5 ? 5 : 5u + (static_cast<unsigned char>(bytes[3]) << 8 | static_cast<unsigned char>(bytes[4]));
    if (have >= need || bytes[0] != 0x16 || std::chrono::steady_clock::now() > end) return bytes.substr(0, have);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void NoteClient(Connection* connection, SSL* tls) {
  const char* sni = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
  char common[256] = {};
  if (X509* certificate = SSL_get1_peer_certificate(tls); certificate != nullptr) {
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, common, sizeof common);
    X509_free(certificate);
  }
  connection->Note([&](Seen& seen) {
    seen.sni = sni == nullptr ? "" : sni;
    seen.client = common;
  });
}

}  // namespace

std::string PrepareTls() {
  g_context = SSL_CTX_new(TLS_server_method());
  if (g_context == nullptr || !UseOwnCertificate(g_context)) return "no TLS certificate could be made";
  SSL_CTX_set_verify(g_context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(
      g_context, [](X509_STORE_CTX* store, void*) { return AnyCertificate(1, store); }, nullptr);
  return {};
}

void ServeTls(Connection* connection) {
  const timeval silence = {10, 0};
  ::setsockopt(connection->fd(), SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
  const std::string first = PeekRecord(connection->fd());
  connection->Got(first.data(), first.size());
  if (!first.starts_with('\x16')) return;
  SSL* tls = SSL_new(g_context);
  SSL_set_fd(tls, connection->fd());
  const bool done = SSL_accept(tls) == 1;
  NoteClient(connection, tls);
  connection->Note([&](Seen& seen) { seen.handshake = done; });
  if (done) {
    TlsStream stream(tls);
    ServeHttp(connection, &stream);
    SSL_shutdown(tls);
  }
  ERR_clear_error();
  SSL_free(tls);
}

}  // namespace outside
