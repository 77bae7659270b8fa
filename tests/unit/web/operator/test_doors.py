import pytest
from msgspec import structs

from proxy.errors import InvariantBroken
from proxy.web.operator.doors import DOORS


async def test_there_is_no_api_without_a_token(api) -> None:
    doors = api.client.app[DOORS]
    with pytest.raises(InvariantBroken):
        structs.replace(doors, admin_token="")
