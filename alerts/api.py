"""/api/v2/channels, policies and deliveries; policies in the wire format of Better Stack, also under /api/v3."""

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions, status
from rest_framework.response import Response

from alerts import api_schema as words
from alerts import queries, serializers
from alerts.services import channels, policies
from monitors.api import chosen_team
from uptime.api import ResourceView


class AlertsView(ResourceView):
    schema = words.AlertsSchema()


class ChannelView(AlertsView):
    noun = "channel"

    def all(self, request):
        return queries.channels(request.user)

    def answer(self, request, pk, code=status.HTTP_200_OK):
        return Response({"data": serializers.channel(self.all(request).get(pk=pk))}, status=code)


class Channels(ChannelView):
    @extend_schema(
        operation_id="channels_list",
        summary="List channels",
        description="Those of all your teams, and your own.",
        tags=["Channels"],
        parameters=words.PAGE,
        responses={200: OpenApiResponse(words.many("Channel"), "A page of channels."), **words.COMMON},
    )
    def get(self, request):
        return self.page(request, self.all(request).order_by("id"), serializers.channel)

    @extend_schema(
        operation_id="channels_create",
        summary="Create a channel",
        tags=["Channels"],
        request=words.body("ChannelSettings"),
        responses={201: OpenApiResponse(words.one("Channel"), "Made."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        body = self.checked(serializers.ChannelBody(request.data, team=chosen_team(request), user=request.user))
        return self.answer(request, body.save().pk, status.HTTP_201_CREATED)


class OneChannel(ChannelView):
    @extend_schema(
        operation_id="channels_read",
        summary="Read a channel",
        tags=["Channels"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.one("Channel"), "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": serializers.channel(self.found(request, id))})

    @extend_schema(
        operation_id="channels_change",
        summary="Change a channel",
        description="What the body leaves out stays as it is; so does a secret that is sent back masked.",
        tags=["Channels"],
        parameters=[words.ID],
        request=words.body("ChannelSettings"),
        responses={
            200: OpenApiResponse(words.one("Channel"), "Changed."),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    def patch(self, request, id):
        found = self.found(request, id)
        body = serializers.ChannelBody(request.data, team=found.team, user=request.user, instance=found)
        return self.answer(request, self.checked(body).save().pk)

    @extend_schema(exclude=True)
    def put(self, request, id):
        return self.patch(request, id)

    @extend_schema(
        operation_id="channels_delete",
        summary="Delete a channel",
        description="With the steps that name it. What waits is not sent; what was sent stays in the ledger.",
        tags=["Channels"],
        parameters=[words.ID],
        responses={204: OpenApiResponse(None, "Deleted."), 404: words.MISSING, **words.COMMON},
    )
    def delete(self, request, id):
        channels.delete(self.found(request, id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ChannelTest(ChannelView):
    @extend_schema(
        operation_id="channels_test",
        summary="Send a test",
        description="Sends a real message now, and answers with what became of it.",
        tags=["Channels"],
        parameters=[words.ID],
        request=None,
        responses={200: OpenApiResponse(words.one("Delivery"), "Tried."), 404: words.MISSING, **words.COMMON},
    )
    def post(self, request, id):
        sent = channels.send_test(self.found(request, id), request.user.username)
        return Response({"data": serializers.delivery(sent)})


class PolicyView(AlertsView):
    noun = "policy"

    def all(self, request):
        return queries.visible_policies(request.user)

    def answer(self, request, pk, code=status.HTTP_200_OK):
        return Response({"data": serializers.policy(self.all(request).get(pk=pk))}, status=code)


class Policies(PolicyView):
    @extend_schema(
        operation_id="policies_list",
        summary="List policies",
        tags=["Policies"],
        parameters=words.PAGE,
        responses={200: OpenApiResponse(words.many("Policy"), "A page of policies."), **words.COMMON},
    )
    def get(self, request):
        policies.ensure_default(request.user.ensure_team())
        return self.page(request, self.all(request).order_by("id"), serializers.policy)

    @extend_schema(
        operation_id="policies_create",
        summary="Create a policy",
        description="Without steps it tells nobody.",
        tags=["Policies"],
        request=words.body("PolicySettings"),
        responses={201: OpenApiResponse(words.one("Policy"), "Made."), 422: words.INVALID, **words.COMMON},
    )
    def post(self, request):
        body = serializers.PolicyBody(request.data, team=chosen_team(request), user=request.user)
        return self.answer(request, self.checked(body).save().pk, status.HTTP_201_CREATED)


class OnePolicy(PolicyView):
    @extend_schema(
        operation_id="policies_read",
        summary="Read a policy",
        tags=["Policies"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.one("Policy"), "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": serializers.policy(self.found(request, id))})

    @extend_schema(
        operation_id="policies_change",
        summary="Change a policy",
        description="What the body leaves out stays as it is; `steps` replaces them all.",
        tags=["Policies"],
        parameters=[words.ID],
        request=words.body("PolicySettings"),
        responses={
            200: OpenApiResponse(words.one("Policy"), "Changed."),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    def patch(self, request, id):
        found = self.found(request, id)
        body = serializers.PolicyBody(request.data, team=found.team, user=request.user, instance=found)
        return self.answer(request, self.checked(body).save().pk)

    @extend_schema(exclude=True)
    def put(self, request, id):
        return self.patch(request, id)

    @extend_schema(
        operation_id="policies_delete",
        summary="Delete a policy",
        description="Its monitors go by the default one, which itself cannot be deleted.",
        tags=["Policies"],
        parameters=[words.ID],
        responses={
            204: OpenApiResponse(None, "Deleted."),
            404: words.MISSING,
            422: words.INVALID,
            **words.COMMON,
        },
    )
    def delete(self, request, id):
        try:
            policies.delete(self.found(request, id))
        except ValueError as error:
            raise exceptions.ValidationError({"base": [str(error)]}) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class PoliciesV3(Policies):
    """The same under the address newer clients use."""

    schema = None  # type: ignore[assignment]  # told of once, under the other address


class OnePolicyV3(OnePolicy):
    schema = None  # type: ignore[assignment]


class DeliveryView(AlertsView):
    noun = "delivery"

    def all(self, request):
        return queries.messages(request.user)


class Deliveries(DeliveryView):
    @extend_schema(
        operation_id="deliveries_list",
        summary="List deliveries",
        description="Every message, to whom, and what came of it.",
        tags=["Deliveries"],
        parameters=[*words.DELIVERY_FILTERS, *words.PAGE],
        responses={200: OpenApiResponse(words.many("Delivery"), "A page of deliveries."), **words.COMMON},
    )
    def get(self, request):
        found, wanted = self.all(request), request.query_params
        if "status" in wanted:
            found = found.filter(status=wanted["status"].replace("\0", ""))
        if "incident_id" in wanted:
            text = wanted["incident_id"]
            known = text.isascii() and text.isdigit() and len(text) < 19
            found = found.filter(incident=int(text)) if known else found.none()
        return self.page(request, found.order_by("id"), serializers.delivery)


class OneDelivery(DeliveryView):
    @extend_schema(
        operation_id="deliveries_read",
        summary="Read a delivery",
        tags=["Deliveries"],
        parameters=[words.ID],
        responses={200: OpenApiResponse(words.one("Delivery"), "Found."), 404: words.MISSING, **words.COMMON},
    )
    def get(self, request, id):
        return Response({"data": serializers.delivery(self.found(request, id))})
