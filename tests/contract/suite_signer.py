"""What every ``Signer`` must keep to."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from signing.port import Signer


class SignerContract:
    """Adapters subclass this and give a ``signer`` fixture."""

    def test_signatures_hold_under_its_own_certificate(self, signer: Signer) -> None:
        key = x509.load_der_x509_certificate(signer.certificate).public_key()
        for message in (b"", b"bonjour", bytes(100_000)):
            signature = signer.sign(message)
            if signer.algorithm == "rsa-sha256":
                assert isinstance(key, rsa.RSAPublicKey)
                key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            else:
                assert signer.algorithm == "ecdsa-sha256"
                assert isinstance(key, ec.EllipticCurvePublicKey)
                key.verify(signature, message, ec.ECDSA(hashes.SHA256()))

    def test_its_chain_leads_upwards(self, signer: Signer) -> None:
        current = x509.load_der_x509_certificate(signer.certificate)
        for der in signer.chain:
            issuer = x509.load_der_x509_certificate(der)
            current.verify_directly_issued_by(issuer)
            current = issuer

    def test_it_hands_out_no_key(self, signer: Signer) -> None:
        public = {name: getattr(signer, name) for name in dir(signer) if not name.startswith("_")}
        assert set(public) == {"certificate", "chain", "algorithm", "probative", "sign"}
