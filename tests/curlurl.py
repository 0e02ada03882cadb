"""How libcurl reads a URL: the very library pycurl has loaded, asked through its URL API (libcurl-url(3))."""

import ctypes
from pathlib import Path

import pycurl

SET_URL, GET_HOST = 0, 5  # CURLUPART_
GUESS_SCHEME = 1 << 9  # CURLU_


def _library():
    pycurl.version_info()
    mapped = {line.split(maxsplit=5)[-1].strip() for line in Path("/proc/self/maps").read_text().splitlines()}
    library = ctypes.CDLL(next(path for path in sorted(mapped) if "libcurl" in path))
    library.curl_url.restype = ctypes.c_void_p
    library.curl_url_cleanup.argtypes = [ctypes.c_void_p]
    library.curl_url_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    library.curl_url_get.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.c_uint]
    library.curl_free.argtypes = [ctypes.c_void_p]
    return library


_CURL = _library()


def curl_host(*texts: str) -> str | None:
    """The host of a URL as libcurl takes it; with more than one, each is a reference that the one before is the base
    of. None where it refuses."""
    handle = _CURL.curl_url()
    try:
        for text in texts:
            # As for CURLOPT_URL (parseurlandfillconn in lib/url.c).
            if _CURL.curl_url_set(handle, SET_URL, text.encode("utf-8", "surrogatepass"), GUESS_SCHEME):
                return None
        found = ctypes.c_void_p()
        if _CURL.curl_url_get(handle, GET_HOST, ctypes.byref(found), 0):
            return None
        host = ctypes.string_at(found).decode("utf-8", "replace")
        _CURL.curl_free(found)
        return host
    finally:
        _CURL.curl_url_cleanup(handle)
