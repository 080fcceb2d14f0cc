# A controller stood still just before it wrote to the flag. Another one took over and found nothing to change, so nothing
# refused the late write.
{"seed":55,"deeds":[],"fault_seconds":50.0,"rps":3.0,"lease_seconds":3.0}
{"do":"deploy","at":0.5,"shape":{"label":"v1","strategy":"flag","weights":[10.0,50.0],"hold":3.0,"judged":false,"pause":1,"wait":2.0,"bake":2.0,"deadline":10.0,"on_deadline":"report","on_inconclusive":"rollback","quality":{"error_ratio":1.0,"latency_ratio":1.0,"extra_errors":0.0},"people":1}}
{"do":"freeze","at":21.075,"seconds":12.936,"point":"flag"}
