"""REST addresses of accounts."""

from django.urls import path

from accounts import api

urlpatterns = [
    path("user/signup", api.SignUp.as_view(), name="user_signup"),
    path("user/signin", api.SignIn.as_view(), name="user_signin"),
    path("api/token", api.Token.as_view(), name="token"),
    path("api/token/refresh", api.Refresh.as_view(), name="token_refresh"),
]
