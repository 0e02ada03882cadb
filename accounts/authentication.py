"""Who calls the API: a JSON Web Token in the Authorization header (RFC 7519, RFC 6750)."""

from rest_framework_simplejwt.authentication import JWTAuthentication


class JWT(JWTAuthentication):
    """`Authorization: Bearer <token>`, or the bare token, as the existing clients send it.

    Whoever sends a token is judged by that token: a wrong one is refused (401), never replaced by the session.
    """

    def get_raw_token(self, header):
        """The token; None where the header speaks of another scheme. Raises AuthenticationFailed if malformed."""
        words = header.split()
        if len(words) == 1:
            return words[0]
        if words and words[0].lower() == b"bearer":
            words[0] = b"Bearer"
        return super().get_raw_token(b" ".join(words))
